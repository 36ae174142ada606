"""A consumer of another team as the consume loop runs it."""

from broker.log import Log
from consumers import consumer as loop
from consumers.loop.origin import attempt_of
from hookline.kit.answers import Answers
from hookline.kit.consumer import Consumer
from hookline.kit.context import context_of
from hookline.kit.handlers import topics_of
from schemas.envelope import Delivered
from schemas.times import Clock

PUTS_OFF_AFTER = 10.0
"""Seconds; who asks for so long a wait gets it in the retry topic, so that many of them hold up nobody else."""


def for_loop(consumer: Consumer, log: Log, clock: Clock) -> loop.Consumer:
    """Return what the loop runs. Commands of the handlers are appended to `log`."""
    handlers = consumer.handlers

    async def handle(delivered: Delivered) -> None:
        handler = handlers.get(type(delivered.event))
        # Topics hold several types: those that nobody here asked for are done.
        if handler is not None:
            answers = Answers(consumer.name, delivered.envelope, log, clock)
            await handler(delivered.event, context_of(delivered, answers, 1 + attempt_of(delivered.record)))

    return loop.Consumer(
        consumer.name,
        topics_of(handlers),
        handle,
        has_effects=not consumer.replays,
        concurrency=consumer.concurrency,
        deadline=consumer.deadline,
        attempts=consumer.attempts,
        keeps_order=None if consumer.order is None else consumer.order == "kept",
        puts_off_after=PUTS_OFF_AFTER,
    )
