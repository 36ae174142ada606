"""A consumer run on a list of events, by the loop that runs it in production.

The log is the embedded one in a folder that goes again; pauses are short, so that retries and dead letters are there
within a moment.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from broker.embedded import EmbeddedLog
from broker.log import Log, Partition
from broker.settings import BrokerSettings
from consumers import consumer as loop
from consumers.consumer import Reject
from consumers.loop.origin import Origin, origin_of
from consumers.loop.pool import ApartPool
from consumers.loop.run import ConsumeLoop
from consumers.loop.settings import FloodSettings, RetrySettings
from consumers.loop.tempo import Tempo
from consumers.metrics import ConsumerMetrics
from consumers.settings import ConsumersSettings
from hookline.kit.consumer import Consumer
from hookline.kit.finding import Found
from hookline.kit.running import for_loop
from hookline.topics import wanted_topics
from schemas.envelope import Delivered, event_to_record, read_event
from schemas.events import Event, SendRequested
from schemas.records import Record, StoredRecord
from schemas.times import Clock
from schemas.topics import COMMANDS

REPLAY_ID = "replay-of-a-test"
PATIENCE = 30.0
"""Seconds that a run may take in all."""

_APPEND_WAIT = 10.0
_LOOK = 0.005
_QUICK = Tempo(
    handler_deadline=5.0,
    first_pause=0.001,
    longest_pause=0.01,
    longest_postponement=0.01,
    log_wait=5.0,
    finish_wait=1.0,
    idle_poll=0.05,
    busy_poll=0.002,
    commit_every=0.0,
)
_SETTINGS = ConsumersSettings(
    retry=RetrySettings(delays=(0.01, 0.01, 0.01)),
    # However many of a test's events fail, it wants to see what becomes of each.
    flood=FloodSettings(count=0, run=0, ratio=1.0),
)
"""As many rounds of tries as the configuration has without a word, a moment apart."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A try that did not succeed: the event, and what the handler raised."""

    event: Event
    error: BaseException


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was given up, and why, as its dead letter says it."""

    event: Event
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the events, each list in the order of the events that were given.

    `handled` went well, be it at a later try. `rejected` raised Reject, which makes dead letters of them too. `retried`
    has one entry for each try after which there was another one, in the order of the tries. `ignored` are of types that
    the consumer does not ask for, or replayed for one that wants no replays. `commands` are the texts that handlers
    asked for, in that order.
    """

    handled: tuple[Event, ...]
    rejected: tuple[Event, ...]
    retried: tuple[Failed, ...]
    dead_letters: tuple[DeadLetter, ...]
    ignored: tuple[Event, ...]
    commands: tuple[SendRequested, ...]


def run_consumer(consumer: Consumer, events: Iterable[Event], *, replay: bool = False) -> Outcome:
    """Run the consumer on the events and return what became of them. For tests that are no coroutines.

    With `replay` they come as somebody's replay brings them. Raises TimeoutError where a handler takes no end, and
    RuntimeError in a coroutine. The run does not wait for a thread that hangs; Python does, when it is to end.
    """
    if _in_a_loop():
        raise RuntimeError("an event loop is running: in an async test, `await run_consumer_async(...)`")
    with asyncio.Runner() as runner:
        # As in production, where handlers have threads of their own.
        runner.get_loop().set_default_executor(ApartPool())
        return runner.run(run_consumer_async(consumer, events, replay=replay))


async def run_consumer_async(consumer: Consumer, events: Iterable[Event], *, replay: bool = False) -> Outcome:
    """Do as `run_consumer` does, in the running event loop: for handlers with resources that belong to it."""
    given = tuple(events)
    clock = _clock_from(given)
    async with _log_for(consumer, clock) as log:
        notes = _Notes()
        observed = _observed(for_loop(consumer, log, clock), notes)
        places = await _put(log, [event for event in given if type(event) in consumer.handlers], replay=replay)
        asked = len(await _read(log, COMMANDS.name))
        async with asyncio.timeout(PATIENCE):
            await _run(log, observed, clock)
        letters = [letter for topic in observed.topics for letter in await _letters(log, topic.name, consumer.name)]
        commands = [read_event(record).event for record in (await _read(log, COMMANDS.name))[asked:]]
    stored = [(event, next(places, None) if type(event) in consumer.handlers else None) for event in given]
    return _outcome(stored, notes, dict(letters), [each for each in commands if isinstance(each, SendRequested)])


@dataclass(slots=True)
class _Notes:
    """What was seen of the handlers, by where the events stood first: two of a test's events may have one id."""

    handled: set[Origin] = field(default_factory=set[Origin])
    failed: list[tuple[Origin, Failed]] = field(default_factory=list[tuple[Origin, Failed]])


def _outcome(
    given: Sequence[tuple[Event, Origin | None]],
    notes: _Notes,
    letters: Mapping[Origin, DeadLetter],
    commands: Sequence[SendRequested],
) -> Outcome:
    last = dict(notes.failed)
    final = {place: last[place] for place in letters.keys() & last.keys()}
    rejected = {place for place, failed in final.items() if isinstance(failed.error, Reject)}
    return Outcome(
        handled=tuple(event for event, place in given if place in notes.handled),
        rejected=tuple(event for event, place in given if place in rejected),
        retried=tuple(failed for place, failed in notes.failed if failed is not final.get(place)),
        dead_letters=tuple(letters[place] for _, place in given if place is not None and place in letters),
        ignored=tuple(event for event, place in given if place not in notes.handled | letters.keys()),
        commands=tuple(commands),
    )


def _observed(consumer: loop.Consumer, notes: _Notes) -> loop.Consumer:
    """Return the consumer with notes taken of each try."""

    async def handle(delivered: Delivered) -> None:
        try:
            await consumer.handle(delivered)
            _raise_if_cut_off()
        except BaseException as error:
            notes.failed.append((origin_of(delivered.record), Failed(delivered.event, error)))
            raise
        notes.handled.add(origin_of(delivered.record))

    # One after another, so that a run is the same each time; and a long wish is over at once, as no test waits for it.
    return replace(consumer, handle=handle, concurrency=1, puts_off_after=None)


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _raise_if_cut_off() -> None:
    """Raise TimeoutError where the handler's task was cancelled, at its deadline: to the loop that is no success."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise TimeoutError("the handler went on though it was cancelled")


async def _run(log: Log, consumer: loop.Consumer, clock: Clock) -> None:
    """Let the loop run until all is done."""
    metrics = ConsumerMetrics(CollectorRegistry())
    running = ConsumeLoop(log, consumer, _SETTINGS, metrics, clock, tempo=_QUICK)
    task = asyncio.create_task(running.run(), name=f"test of {consumer.name}")
    try:
        while not task.done() and not await _all_done(log, consumer):  # noqa: ASYNC110 - no log tells of commits
            await asyncio.sleep(_LOOK)
    finally:
        running.stop()
        await task


async def _all_done(log: Log, consumer: loop.Consumer) -> bool:
    """Tell whether the group has committed all there is, in its topics and in those for a later try."""
    own = [topic.name for topic in consumer.topics]
    for topic in (*own, *(f"{name}.{consumer.name}.retry" for name in own)):
        partition = Partition(topic, 0)
        end = (await log.bounds(partition)).end
        if end and await log.committed(consumer.name, partition) != end:
            return False
    return True


@asynccontextmanager
async def _log_for(consumer: Consumer, clock: Clock) -> AsyncGenerator[Log]:
    """Give an empty log with the topics that the consumer needs, each of one partition: they keep the list's order."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="hookline-test-"))
    log = EmbeddedLog(BrokerSettings(url=f"sqlite:///{folder / 'log.db'}"), ingesting=False, clock=clock)
    try:
        await log.start()
        specs = [replace(spec, partitions=1) for spec in wanted_topics([Found("", consumer).listed])]
        await log.apply_topics(await log.plan_topics(specs))
        yield log
    finally:
        await log.stop()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _record(event: Event, *, replay: bool) -> Record:
    record = event_to_record(event, webhook_id=f"webhook-of-{event.id}")
    return replace(record, headers=(*record.headers, ("ce_replayid", REPLAY_ID.encode()))) if replay else record


async def _put(log: Log, events: Sequence[Event], *, replay: bool) -> Iterator[Origin]:
    """Store the events; return where each of them stands."""
    records = [_record(event, replay=replay) for event in events]
    positions = await log.append(records, _APPEND_WAIT) if records else ()
    return iter([Origin(each.partition.topic, each.partition.number, each.offset) for each in positions])


async def _letters(log: Log, topic: str, group: str) -> list[tuple[Origin, DeadLetter]]:
    name = f"{topic}.{group}.dlq"
    return [
        (origin_of(record), DeadLetter(read_event(record).event, record.text_header("ce_dlqreason") or ""))
        for record in await _read(log, name)
    ]


async def _read(log: Log, topic: str) -> list[StoredRecord]:
    partition = Partition(topic, 0)
    bounds = await log.bounds(partition)
    return [record async for record in log.read(partition, bounds.first, bounds.end)]


def _clock_from(events: Sequence[Event]) -> Clock:
    """Return a clock that goes on from the moment when the newest of the events was received."""
    began = max((event.received_at.timestamp() for event in events), default=0.0)
    time = asyncio.get_running_loop().time
    started = time()
    return lambda: began + time() - started
