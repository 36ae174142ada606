"""A consumer of another team as the consume loop runs it."""

from broker.log import Log
from consumers import consumer as loop
from consumers.loop.origin import ATTEMPT
from hookline.kit.answers import Answers
from hookline.kit.consumer import Consumer
from hookline.kit.context import context_of
from hookline.kit.handlers import topics_of
from schemas.envelope import Delivered
from schemas.records import StoredRecord
from schemas.times import Clock


def for_loop(consumer: Consumer, log: Log, clock: Clock) -> loop.Consumer:
    """Return what the loop runs. Commands of the handlers are appended to `log`."""
    handlers = consumer.handlers

    async def handle(delivered: Delivered) -> None:
        handler = handlers.get(type(delivered.event))
        # Topics hold several types: those that nobody here asked for are done.
        if handler is not None:
            answers = Answers(consumer.name, delivered.envelope, log, clock)
            await handler(delivered.event, context_of(delivered, answers, _attempt(delivered.record)))

    return loop.Consumer(
        consumer.name,
        topics_of(handlers),
        handle,
        has_effects=not consumer.replays,
        concurrency=consumer.concurrency,
        deadline=consumer.deadline,
        attempts=consumer.attempts,
        keeps_order=None if consumer.order is None else consumer.order == "kept",
    )


def _attempt(record: StoredRecord) -> int:
    """Return 1, and one more for each time that the record waited in the retry topic to be tried again."""
    said = record.text_header(ATTEMPT) or "0"
    return 1 + int(said) if said.isdecimal() and len(said) < 10 else 1
