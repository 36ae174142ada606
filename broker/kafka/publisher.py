"""Appends to Kafka under deadlines of our own, through a producer that is thrown away when it misbehaves.

A task owned by the publisher builds the producer, watches it and builds the next one. aiokafka's producer can
wait for ever, and keeps only the broker addresses that it has seen; a new one starts from the configured ones.

The state is healthy by a confirmation, or by the cluster's word: each partition of the topics in use has a leader
and as many copies in sync as `min_insync_replicas` asks for. That is asked when nothing was confirmed for 2 s, and at
once when an append failed. It writes nothing into a topic, so it is a weaker proof than a record: a cluster that says
so and stores nothing is tried by one append at a time, and counts as away for a moment after each three failures.
"""

import asyncio
from collections.abc import Sequence

import structlog

from broker.background import keep_going
from broker.kafka.connection import Connection, Names
from broker.kafka.ending import end_producer
from broker.kafka.errors import PERHAPS_OF_THE_RECORD, REFUSED, TRANSIENT, UNWELL, words
from broker.kafka.line import REQUEST_MS, Line, Sent, new_producer
from broker.kafka.reach import why_not
from broker.log import LogState, LogUnavailableError, Partition, Position, RecordRefusedError
from schemas.records import Record

FIRST_VERDICT_SECONDS = 3.0
START_SECONDS = 12.0
STOP_SECONDS = 3.0
PROBE_SECONDS = 2.0
PROBE_DEADLINE = 1.5
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0
STRIKES = 3

_logger = structlog.get_logger(__name__)


class Publisher:
    """Owns one producer at a time. `state` follows what the cluster has shown last."""

    def __init__(self, names: Names) -> None:
        self.state = LogState.STARTING
        self._names = names
        self._line: Line | None = None
        self._reason = "not started"
        self._supervisor: asyncio.Task[None] | None = None
        self._endings = set[asyncio.Task[None]]()
        self._verdict = asyncio.Event()
        self._doubt = asyncio.Event()
        self._proven = True
        self._last_ack = 0.0
        self._min_insync = 1
        self._topics = set[str]()

    async def start(self, connection: Connection) -> None:
        """Start the supervisor and give it a moment for its first verdict."""
        self._min_insync = connection.settings.min_insync_replicas
        work = keep_going("kafka producer", lambda: self._supervise(connection))
        self._supervisor = asyncio.create_task(work, name="kafka producer")
        try:
            async with asyncio.timeout(FIRST_VERDICT_SECONDS):
                await self._verdict.wait()
        except TimeoutError:
            self._away(f"no answer from {connection.where()} yet")

    async def stop(self) -> None:
        """Send what is left and close, within about 5 s."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
            self._supervisor = None
        self._away("the log was stopped", quiet=True)
        for patience in (STOP_SECONDS, 2.5):
            endings = set(self._endings)
            if endings:
                await asyncio.wait(endings, timeout=patience)
            for ending in self._endings:
                ending.cancel()

    # --- appending

    async def append(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Send all records, then wait for all confirmations."""
        line = self._admit(records)
        deadline = asyncio.get_running_loop().time() + wait
        sent = await self._send_all(line, records, deadline)
        await asyncio.wait(sent, timeout=max(0.0, deadline - asyncio.get_running_loop().time()))
        if not all(each.done() for each in sent):
            raise self._too_slow(line, f"not confirmed within {wait:g} s")
        failed = [n for n, each in enumerate(sent) if each.cancelled() or each.exception() is not None]
        for n in failed:
            sent[n] = await self._once_more(line, records[n], sent[n], deadline)
        self._confirmed(line)
        return [self._position(each) for each in sent]

    def _admit(self, records: Sequence[Record]) -> Line:
        line = self._line
        if line is None:
            raise LogUnavailableError(f"Kafka is away: {self._reason}")
        if not self._proven and line.records:
            raise LogUnavailableError("Kafka is back but has confirmed nothing yet: one append at a time")
        if not line.has_room(records):
            raise LogUnavailableError("too much is in flight to Kafka already")
        return line

    async def _send_all(self, line: Line, records: Sequence[Record], deadline: float) -> list[Sent]:
        sent: list[Sent] = []
        for record in records:
            line.reserve(record)
        try:
            async with asyncio.timeout_at(deadline):
                for record in records:
                    sent.append(await line.send(self._outer(record), record))  # noqa: PERF401 - what was sent counts on failure
        except TimeoutError:
            raise self._too_slow(line, f"topic {records[len(sent)].topic}: not known, or no room, in time") from None
        except REFUSED as error:
            raise _refusal(records[len(sent)], error) from error
        except UNWELL as error:
            raise self._unwell(line, records[len(sent)], error) from error
        finally:
            for record in records[len(sent) :]:
                line.release(record)
        return sent

    async def _once_more(self, line: Line, record: Record, failed: Sent, deadline: float) -> Sent:
        """Send a refused record again by itself: the broker refuses a batch for any one record in it."""
        error = None if failed.cancelled() else failed.exception()
        if not isinstance(error, PERHAPS_OF_THE_RECORD):
            raise self._unwell(line, record, error) from error
        try:
            async with asyncio.timeout_at(deadline):
                alone = await line.send_alone(self._outer(record), record)
                await asyncio.wait([alone])
        except TimeoutError:
            raise self._too_slow(line, f"topic {record.topic}: not confirmed in time") from None
        except UNWELL as again:
            raise self._unwell(line, record, again) from again
        error = None if alone.cancelled() else alone.exception()
        if isinstance(error, REFUSED):
            raise _refusal(record, error) from error
        if alone.cancelled() or error is not None:
            raise self._unwell(line, record, error) from error
        return alone

    def _outer(self, record: Record) -> str:
        outer = self._names.outer(record.topic)
        self._topics.add(outer)
        return outer

    def _position(self, sent: Sent) -> Position:
        place = sent.result()
        return Position(Partition(self._names.inner(place.topic), place.partition), place.offset)

    # --- evidence

    def _confirmed(self, line: Line) -> None:
        line.strikes = 0
        line.confirmed = self._proven = True
        self._last_ack = asyncio.get_running_loop().time()
        if self._line is line:
            self._turn(LogState.HEALTHY)

    def _too_slow(self, line: Line, what: str) -> LogUnavailableError:
        self._strike(line, what)
        return LogUnavailableError(f"Kafka: {what}")

    def _unwell(self, line: Line, record: Record, error: BaseException | None) -> LogUnavailableError:
        what = f"topic {record.topic}: {'given up' if error is None else words(error)}"
        if isinstance(error, TRANSIENT) or getattr(error, "retriable", False):
            self._strike(line, what)
        else:
            self._give_up(line, what)
        return LogUnavailableError(f"Kafka: {what}")

    def _strike(self, line: Line, what: str) -> None:
        line.strikes += 1
        self._doubt.set()
        if line.strikes >= STRIKES:
            self._give_up(line, what)

    def _give_up(self, line: Line, what: str) -> None:
        if self._line is line:
            # The cluster may well answer the next producer's questions and still store nothing.
            self._proven = False
            self._away(what)

    def _lose(self, line: Line) -> None:
        if self._line is line:
            self._away("the cluster does not answer")

    def _judge(self, line: Line) -> None:
        self._turn(LogState.HEALTHY if line.has_copies(self._min_insync) else LogState.STARTING)

    def _turn(self, state: LogState) -> None:
        if state is not self.state:
            _logger.info("kafka_state_changed", state=state)
            self.state = state

    def _away(self, reason: str, *, quiet: bool = False) -> None:
        if self._line is not None:
            self._end(self._line, REQUEST_MS / 1000 + 1)
            self._line = None
        if self.state is not LogState.AWAY and not quiet:
            _logger.warning("kafka_away", reason=reason)
        self.state = LogState.AWAY
        self._reason = reason
        self._verdict.set()
        self._doubt.set()

    def _end(self, line: Line, grace: float) -> None:
        ending = asyncio.create_task(_end_line(line, grace), name="kafka producer's end")
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    # --- the supervisor

    async def _supervise(self, connection: Connection) -> None:
        try:
            await self._keep_a_line(connection)
        except Exception as error:
            self._away(f"unexpected {type(error).__name__}")
            raise

    async def _keep_a_line(self, connection: Connection) -> None:
        pause = FIRST_PAUSE
        while True:
            line = await self._build(connection)
            if line is None:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            self._line = line
            self._judge(line)
            self._verdict.set()
            await self._watch(line)
            pause = FIRST_PAUSE if line.confirmed else min(2 * pause, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _build(self, connection: Connection) -> Line | None:
        line = Line(new_producer(connection))
        try:
            async with asyncio.timeout(START_SECONDS):
                await line.producer.start()
                # Topics that were used before: the first append after a return finds them known.
                await asyncio.gather(*map(line.partitions, self._topics), return_exceptions=True)
        except UNWELL as error:
            self._end(line, REQUEST_MS / 1000)
            if self.state is not LogState.AWAY:
                self._away(await why_not(connection) or f"{connection.where()}: {words(error)}")
            return None
        except BaseException:
            self._end(line, REQUEST_MS / 1000)
            raise
        return line

    async def _watch(self, line: Line) -> None:
        """Return when the line is given up. Asks the cluster at a doubt, and when nothing was confirmed lately."""
        loop = asyncio.get_running_loop()
        self._doubt.clear()
        while self._line is line:
            doubted = await self._doubted()
            idle = loop.time() - self._last_ack >= PROBE_SECONDS
            if self._line is line and (doubted or idle):
                await self._probe(line)

    async def _probe(self, line: Line) -> None:
        answers = await _answers(line)
        if not answers:
            self._lose(line)
        elif self._line is line:
            self._judge(line)

    async def _doubted(self) -> bool:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._doubt.wait()
        except TimeoutError:
            return False
        self._doubt.clear()
        return True


async def _end_line(line: Line, grace: float) -> None:
    try:
        await end_producer(line.producer, grace)
    finally:
        line.forget()


async def _answers(line: Line) -> bool:
    try:
        async with asyncio.timeout(PROBE_DEADLINE):
            return bool(await line.producer.client.force_metadata_update())
    except UNWELL:
        return False


def _refusal(record: Record, error: BaseException) -> RecordRefusedError:
    return RecordRefusedError(f"a record for topic {record.topic} ({record.size} bytes): {words(error)}")
