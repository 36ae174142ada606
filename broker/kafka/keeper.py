"""Keeps one producer that works: builds it, watches it, gives it up, builds the next one.

aiokafka's producer can wait for ever, and keeps only the broker addresses that it has seen; a new one starts from the
configured ones. The cluster is asked when nothing was confirmed for 2 s, and at once when an append failed or nothing
is confirmed while appends wait. Asking writes nothing into a topic, so it is a weaker proof than a record.
"""

import asyncio
from time import monotonic

import structlog

from broker.background import keep_going
from broker.kafka.connection import Connection
from broker.kafka.endings import Endings
from broker.kafka.errors import UNWELL, words
from broker.kafka.evidence import Evidence, Verdict
from broker.kafka.line import Line, new_producer
from broker.kafka.reach import why_not
from broker.log import LogState

FIRST_VERDICT_SECONDS = 3.0
START_SECONDS = 12.0
PREPARE_SECONDS = 2.0
STOP_SECONDS = 3.0
HURRIED_STOP_SECONDS = 0.5
PROBE_SECONDS = 2.0
PROBE_DEADLINE = 1.5
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0

_logger = structlog.get_logger(__name__)


class Keeper:
    """Owns the producer in use, `line`, and the `evidence` about it. `topics` are known to each before it is used."""

    def __init__(self) -> None:
        self.line: Line | None = None
        self.evidence = Evidence(_tell)
        self.topics = set[str]()
        self._min_insync = 1
        self._supervisor: asyncio.Task[None] | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._endings = Endings()
        self._verdict = asyncio.Event()
        self._doubt = asyncio.Event()

    def start(self, connection: Connection) -> None:
        """Begin to look for the cluster."""
        self._min_insync = connection.settings.min_insync_replicas
        work = keep_going("kafka producer", lambda: self._supervise(connection))
        self._supervisor = asyncio.create_task(work, name="kafka producer")
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(FIRST_VERDICT_SECONDS, self._lose_patience, connection.where())

    def _lose_patience(self, where: str) -> None:
        if not self._verdict.is_set():
            self._away(f"no answer from {where} yet")

    async def settled(self, wait: float) -> None:
        """Return when the first verdict is there, or after `wait` seconds."""
        try:
            async with asyncio.timeout(wait):
                await self._verdict.wait()
        except TimeoutError:
            return

    async def stop(self) -> None:
        """Send what is left and close, within about 5 s; at once where nothing is being confirmed."""
        if self._patience is not None:
            self._patience.cancel()
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
            self._supervisor = None
        healthy = self.evidence.verdict(monotonic()).state is LogState.HEALTHY
        patience = STOP_SECONDS if healthy else HURRIED_STOP_SECONDS
        if self.line is not None:
            self._endings.add(self.line, patience)
            self.line = None
        self.evidence.closed(monotonic())
        self._verdict.set()
        await self._endings.finish(patience)

    # --- what appends have shown

    def doubt(self) -> None:
        """Let the cluster be asked soon."""
        self._doubt.set()

    def strike(self, line: Line, what: str) -> None:
        """Count an append on the line that failed."""
        if self.line is line:
            self.doubt()
            if self.evidence.strike(what, monotonic()):
                self.give_up(line, what)

    def give_up(self, line: Line, reason: str) -> None:
        """Throw the line away, if it is the one in use."""
        if self.line is line:
            self._away(reason)

    def _away(self, reason: str) -> None:
        if self.line is not None:
            self._endings.add(self.line)
            self.line = None
        self.evidence.away(reason, monotonic())
        self._verdict.set()
        self.doubt()

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
            await self._endings.wait_for_room()
            line = await self._build(connection)
            if line is None:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            self.line = line
            self._judge(line)
            self._verdict.set()
            await self._watch(line)
            pause = FIRST_PAUSE if line.confirmed else min(2 * pause, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _build(self, connection: Connection) -> Line | None:
        line = Line(new_producer(connection), self._stored)
        try:
            async with asyncio.timeout(START_SECONDS):
                await line.producer.start()
            async with asyncio.timeout(PREPARE_SECONDS):
                await line.prepare(self.topics)
        except UNWELL as error:
            self._endings.add(line)
            if self.evidence.verdict(monotonic()).state is not LogState.AWAY:
                self._away(await why_not(connection) or f"{connection.where()}: {words(error)}")
            return None
        except BaseException:
            self._endings.add(line)
            raise
        return line

    def _stored(self, handed_over: float) -> None:
        self.evidence.stored(monotonic(), handed_over)

    async def _watch(self, line: Line) -> None:
        """Return when the line is given up. Asks the cluster at a doubt, and when nothing was confirmed lately."""
        self._doubt.clear()
        while self.line is line:
            doubted = await self._doubted()
            idle = monotonic() - self.evidence.confirmed_at >= PROBE_SECONDS
            if self.line is line and (doubted or idle):
                await self._probe(line)

    async def _probe(self, line: Line) -> None:
        answers = await _answers(line)
        if not answers:
            self.give_up(line, "the cluster does not answer")
        elif self.line is line:
            self._judge(line)

    def _judge(self, line: Line) -> None:
        self.evidence.asked(line.lacking(self._min_insync), monotonic())

    async def _doubted(self) -> bool:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._doubt.wait()
        except TimeoutError:
            return False
        self._doubt.clear()
        return True


def _tell(verdict: Verdict) -> None:
    say = _logger.info if verdict.state in {LogState.HEALTHY, LogState.STARTING} else _logger.warning
    say("kafka_state_changed", state=verdict.state, reason=verdict.reason)


async def _answers(line: Line) -> bool:
    try:
        async with asyncio.timeout(PROBE_DEADLINE):
            return bool(await line.producer.client.force_metadata_update())
    except UNWELL:
        return False
