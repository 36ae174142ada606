"""Delivers webhooks as a provider's cloud does: signed anew each time, with its patience, retries and repeats.

A delivery that waits for its time or its next attempt holds no connection. The number of deliveries in hand is
bounded: who submits one more waits.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from yarl import URL

from hookline.simulator.agenda import Agenda
from hookline.simulator.deliveries import Deliveries
from hookline.simulator.tally import Answer, Purpose, Report, Tally
from providers.contract import Request
from providers.simulation import Forgery, Outgoing, RetryPlan
from schemas.times import Clock

_ANSWER_BYTES = 64 * 1024
"""As much of an answer's body is read, so that the connection can be used again. Nothing in it counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`concurrency` requests at once, `in_hand` deliveries begun and not ended; `repeat_after` seconds to a copy."""

    concurrency: int = 32
    in_hand: int = 1000
    repeat_after: float = 0.2


@dataclass(frozen=True, slots=True)
class _Job:
    """One attempt to make: `attempt` is the number for the body, `failures` how many came before."""

    outgoing: Outgoing
    purpose: Purpose
    attempt: int = 1
    failures: int = 0
    copies_left: int = 0


class Proving(Protocol):
    """As much of a `Cloud` as its deliveries need."""

    retry: RetryPlan

    def headers(self, request: Request, now: float, forgery: Forgery | None = None) -> Mapping[str, str]:
        """Return the headers that prove a delivery, as `Cloud.headers` does."""
        ...


class Engine:
    """Delivers to one URL. Start it, submit deliveries, wait until it is settled, stop it."""

    def __init__(
        self,
        cloud: Proving,
        url: str,
        *,
        deliveries: Deliveries | None = None,
        clock: Clock = time.time,
        limits: Limits | None = None,
    ) -> None:
        self._cloud, self.url, self._clock = cloud, url, clock
        self._limits = limits or Limits()
        self._deliveries = deliveries or Deliveries(limit=0)
        self._tally = Tally()
        self._agenda: Agenda[_Job] = Agenda()
        self._turn = asyncio.Lock()
        self._room = asyncio.Condition()
        self._in_hand = 0
        self._doubled = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    @property
    def in_hand(self) -> int:
        """Deliveries that were begun and have not ended."""
        return self._in_hand

    @property
    def broken(self) -> bool:
        """Whether a delivery broke on a bug of the cloud; `stop` raises it."""
        return any(task.done() for task in self._tasks)

    @property
    def tally(self) -> Tally:
        """The counts, which the engine goes on writing."""
        return self._tally

    def report(self) -> Report:
        """Return the counts so far."""
        return self._tally.report()

    async def start(self) -> None:
        """Begin to deliver."""
        connector = aiohttp.TCPConnector(limit=self._limits.concurrency)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        self._tasks = {
            asyncio.create_task(self._work(self._session), name=f"delivery {number}")
            for number in range(self._limits.concurrency)
        }

    async def stop(self) -> None:
        """Give up what is in hand and close the connections. Raises what a delivery broke on: a bug of the cloud."""
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def submit(self, outgoing: Outgoing) -> None:
        """Deliver when its time has come. Waits while too many are in hand."""
        async with self._room:
            await self._room.wait_for(lambda: self.has_room)
            self._accept(outgoing)

    @property
    def has_room(self) -> bool:
        """Whether another delivery can be taken in hand at once."""
        return self._in_hand < self._limits.in_hand

    def follow_up(self, outgoings: Sequence[Outgoing]) -> None:
        """Deliver what follows from an API call. Ask `has_room` before the call is answered."""
        for outgoing in outgoings:
            self._accept(outgoing)

    def duplicate(self, times: int) -> None:
        """Deliver the next `times` genuine events once more than they would be, although they were acknowledged."""
        self._doubled += times

    async def settled(self, wait: float) -> bool:
        """Wait until nothing is in hand, at most `wait` seconds; tell whether that came."""
        try:
            async with asyncio.timeout(wait), self._room:
                await self._room.wait_for(lambda: self._in_hand == 0)
        except TimeoutError:
            return False
        return True

    def _accept(self, outgoing: Outgoing) -> None:
        self._in_hand += 1
        purpose = Purpose.FORGERY if outgoing.forgery else Purpose.FIRST
        doubled = min(self._doubled, 1) if purpose is Purpose.FIRST else 0
        self._doubled -= doubled
        self._agenda.put(_Job(outgoing, purpose, copies_left=outgoing.copies - 1 + doubled), outgoing.after)

    async def _work(self, session: aiohttp.ClientSession) -> None:
        while True:
            async with self._turn:
                job = await self._agenda.take()
            following = await self._attempt(session, job)
            if following is None:
                async with self._room:
                    self._in_hand -= 1
                    self._room.notify_all()
            else:
                self._agenda.put(*following)

    async def _attempt(self, session: aiohttp.ClientSession, job: _Job) -> tuple[_Job, float] | None:
        body = job.outgoing.body(job.attempt)
        answer = await self._post(session, job, body)
        succeeded = answer.status is not None and self._cloud.retry.succeeded(answer.status)
        if job.outgoing.forgery:
            self._deliveries.forge(job.outgoing, body)
            self._tally.forgery(job.outgoing.forgery, answer, succeeded=succeeded)
            return None
        if succeeded:
            earlier = [job.outgoing.body(number) for number in range(1, job.attempt)]
            self._deliveries.acknowledge(job.outgoing, body, earlier)
        following = self._next(job, succeeded=succeeded)
        self._tally.genuine(job.outgoing.label, job.purpose, answer, succeeded=succeeded, last=following is None)
        return following

    def _next(self, job: _Job, *, succeeded: bool) -> tuple[_Job, float] | None:
        """Return the job that follows and its pause: a repeat of a success, or another try after a failure."""
        outgoing, pauses = job.outgoing, self._cloud.retry.pauses
        if succeeded or job.purpose is Purpose.DUPLICATE:
            if job.copies_left <= 0:
                return None
            # Real repeats come both ways: with the same bytes, and with a higher attempt in the body.
            attempt = job.attempt + job.copies_left % 2 if job.purpose is Purpose.DUPLICATE else job.attempt
            repeat = _Job(outgoing, Purpose.DUPLICATE, attempt, copies_left=job.copies_left - 1)
            return repeat, self._limits.repeat_after
        if job.failures >= len(pauses):
            return None
        retry = _Job(outgoing, Purpose.RETRY, job.attempt + 1, job.failures + 1, job.copies_left)
        return retry, pauses[job.failures]

    async def _post(self, session: aiohttp.ClientSession, job: _Job, body: bytes) -> Answer:
        url, headers = self._signed(job.outgoing, body)
        # uvloop's own time moves in whole milliseconds, once a turn of the loop: too coarse for an answer.
        begun = time.perf_counter()
        try:
            async with (
                asyncio.timeout(self._cloud.retry.timeout),
                session.request(
                    job.outgoing.method, url, data=body or None, headers=headers, allow_redirects=False
                ) as response,
            ):
                await response.content.read(_ANSWER_BYTES)
                return Answer(time.perf_counter() - begun, response.status)
        except TimeoutError:
            return Answer(time.perf_counter() - begun, reason="timeout")
        except (aiohttp.ClientError, OSError) as error:
            return Answer(time.perf_counter() - begun, reason=_reason(error))

    def _signed(self, outgoing: Outgoing, body: bytes) -> tuple[URL, Mapping[str, str]]:
        """Return where a delivery goes and its headers, proved as the cloud proves itself."""
        url = delivery_url(self.url, outgoing)
        return url, delivery_headers(self._cloud, outgoing, body, self._clock(), url.raw_path_qs)


def delivery_url(url: str, outgoing: Outgoing) -> URL:
    """Return the receiver's URL with the query of a delivery behind it."""
    if not outgoing.query:
        return URL(url, encoded=True)
    return URL(f"{url}{'&' if '?' in url else '?'}{outgoing.query}", encoded=True)


def delivery_headers(cloud: Proving, outgoing: Outgoing, body: bytes, now: float, target: str) -> Mapping[str, str]:
    """Return all headers of a delivery to `target`, proved at `now` Unix seconds."""
    typed = {"content-type": outgoing.content_type} if body else {}
    request = Request(outgoing.method, target, tuple(typed.items()), body)
    return {**typed, **cloud.headers(request, now, outgoing.forgery)}


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection"
    if isinstance(error, aiohttp.ServerConnectionError | OSError):
        return "closed without an answer"
    return "no HTTP answer"
