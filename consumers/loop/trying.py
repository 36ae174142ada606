"""Calls of the handler: so many at once, each with its deadline, and again in place after a pause."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from broker.log import LogUnavailableError
from consumers.consumer import Reject, TryLater
from consumers.loop.exits import tell_exit
from consumers.loop.failures import CLOSING, Failure, Trouble, failure_of, short, words_of
from consumers.loop.handling import HANDLING, Handling
from consumers.loop.parts import LoopParts
from consumers.loop.settings import LONGEST_DELAY
from consumers.loop.slots import Slots
from consumers.loop.stops import HandlersStuckError
from consumers.loop.threads import Threads
from consumers.loop.waiting import Waiting
from consumers.metrics import RetryKind
from schemas.envelope import Delivered

_log = structlog.get_logger()
_LOOK_AGAIN = 0.1
_LOOK_EVERY = 1.0


class Tries:
    """The tries of one consumer in place; at most `concurrency` handlers run at once.

    A handler that does not end when it is cancelled is left to itself, and its record counts as failed. When as many
    are left as may run at once no other is called, because nothing but a new process ends them. So it is with threads
    of handlers, but they get time: a server that is slow for a moment lets them go.
    """

    def __init__(self, parts: LoopParts, waiting: Waiting) -> None:
        self._consumer = parts.consumer
        self._attempts = parts.attempts
        self._deadline = parts.deadline
        self._thread_wait = parts.tempo.thread_wait
        self._concurrency = parts.concurrency
        self._slots = Slots(parts.concurrency)
        self._metrics = parts.metrics
        self._tempo = parts.tempo
        self._waiting = waiting
        self._left: set[asyncio.Task[BaseException | None]] = set()
        self._threads = Threads(parts.consumer.name, parts.concurrency)
        self._used_up = asyncio.Event()

    @property
    def left(self) -> int:
        """How many handlers, or threads of theirs, run on though they were cancelled."""
        return len(self._left) + self._threads.left

    @property
    def used_up(self) -> bool:
        """Whether no handler is called any more."""
        return self._used_up.is_set()

    @property
    def full(self) -> bool:
        """Whether no handler is called now."""
        return self.used_up or self._threads.crowded

    async def none_left(self) -> None:
        """Look after the threads until no handler is called any more, then raise HandlersStuckError."""
        while not self.used_up:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(self._deadline, _LOOK_EVERY)):
                    await self._used_up.wait()
            self._look()
        raise HandlersStuckError(f"{self.left} handlers, or threads of theirs, run on though their time is over")

    async def round(
        self, delivered: Delivered, closing: asyncio.Event, puts_off_after: float | None = None
    ) -> Failure | None:
        """Try until it works, which is None, or the tries are used up. CLOSING where the record is to be left.

        A wish for a pause of `puts_off_after` seconds or more is returned too: a failure that does not count.
        """
        failures = tries = 0
        while (failure := await self._try(delivered, closing)) is not None:
            tries += 1
            failures += failure.counts
            if failure is CLOSING:
                return failure
            if failure.ends_round or failures >= self._attempts:
                return replace(failure, tries=failures)
            if puts_off_after is not None and failure.pause is not None and failure.pause >= puts_off_after:
                return replace(failure, tries=failures)
            longest = self._tempo.longest_postponement
            pause = self._tempo.pause(tries) if failure.pause is None else min(failure.pause, longest)
            wished = failure.pause is not None
            if not await self._waiting.pause(delivered.record, failure.reason, pause, closing, wished=wished):
                return CLOSING
            self._metrics.retries[RetryKind.IN_PLACE].inc()
        return None

    async def _try(self, delivered: Delivered, closing: asyncio.Event) -> Failure | None:
        handling = Handling(self._consumer.name, delivered.envelope.id, self._threads, lambda: self._waiting.certain)
        async with self._slots:
            if not await self._may_begin(delivered, closing):
                return CLOSING
            started = asyncio.get_running_loop().time()
            try:
                failure = await self._call(delivered, handling)
            finally:
                self._metrics.seconds.observe(asyncio.get_running_loop().time() - started)
        if failure is None or failure.ends_round:
            return failure
        return await self._alone(delivered, handling, failure, started + self._deadline, closing)

    async def _may_begin(self, delivered: Delivered, closing: asyncio.Event) -> bool:
        while self._threads.crowded and not self.used_up:
            if not await self._waiting.pause(delivered.record, "threads_hang", _LOOK_AGAIN, closing):
                return False
        return await self._waiting.certainty(closing) and not self.used_up

    async def _alone(
        self, delivered: Delivered, handling: Handling, failure: Failure, until: float, closing: asyncio.Event
    ) -> Failure:
        """Let the threads of a try end, in the time that the whole try has; who outlives it has made it fail."""
        if not await self._waiting.ended(handling.running, until, closing):
            return CLOSING
        if not self._threads.leave(tuple(handling.running), asyncio.get_running_loop().time()):
            return failure
        self._stuck(delivered.envelope.id)
        if not failure.counts:
            failure = self._failed(delivered, Trouble.DEADLINE, TimeoutError("a thread outlived the deadline"))
        return replace(failure, runs_on=True)

    async def _call(self, delivered: Delivered, handling: Handling) -> Failure | None:
        task = asyncio.create_task(self._handled(delivered, handling), name=f"handler of {self._consumer.name}")
        try:
            await _ended(task, self._deadline)
        finally:
            late = not task.done()
            if late:
                task.cancel()
                # A second cancelling, of whoever waits here, must not lose the task.
                self._keep(task)
                await asyncio.wait({task}, timeout=self._tempo.cancel_wait)
        failure = self._seen(delivered, task, late=late)
        if failure is None or task.done():
            return failure
        self._stuck(delivered.envelope.id)
        return replace(failure, runs_on=True)

    def _seen(self, delivered: Delivered, task: asyncio.Task[BaseException | None], *, late: bool) -> Failure | None:
        """Return what became of a try, None where it went well."""
        if not task.done():
            return Failure(Trouble.HANDLER_STUCK, detail="did not end at its deadline, nor when it was cancelled")
        if late:
            # Whatever it says now: it was cut off, and who swallows that has not done its work.
            return self._failed(delivered, Trouble.DEADLINE, TimeoutError("deadline"))
        error = asyncio.CancelledError("a task of the handler's own") if task.cancelled() else task.result()
        if error is None:
            return None
        try:
            return self._judged(delivered, error)
        except BaseException as fault:  # noqa: BLE001 - a class of the handler's own that is not what its base says
            return self._failed(delivered, Trouble.HANDLER_FAILED, fault)

    async def _handled(self, delivered: Delivered, handling: Handling) -> BaseException | None:
        """Call the handler; return what it raised: SystemExit that leaves a task ends the process, see `exits`."""
        HANDLING.set(handling)
        try:
            # A handler may be any callable that returns an awaitable; a task wants a coroutine.
            await self._consumer.handle(delivered)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - see above
            return error
        return None

    def _judged(self, delivered: Delivered, error: BaseException) -> Failure:
        match error:
            case TryLater():
                wish = TryLater(error.seconds, error.reason)
                return Failure(short(wish.reason), counts=False, pause=min(max(wish.seconds, 0.0), LONGEST_DELAY))
            case LogUnavailableError():
                # The log is away for everyone: no fault of this event, so no dead letter.
                return Failure("log_unavailable", counts=False)
            case Reject():
                return failure_of(Trouble.REJECTED, error, words_of(error.reason))
            case SystemExit() | KeyboardInterrupt():
                tell_exit(self._consumer.name, delivered.envelope.id)
                return self._failed(delivered, Trouble.HANDLER_FAILED, error)
            case _:
                return self._failed(delivered, Trouble.HANDLER_FAILED, error)

    def _failed(self, delivered: Delivered, trouble: Trouble, error: BaseException) -> Failure:
        # The words of an error may quote a text or a number: the log gets its kind alone.
        kind = type(error).__name__
        fields = {"consumer": self._consumer.name, "event_id": delivered.envelope.id, "error": kind}
        _log.warning(str(trouble), **fields)
        return failure_of(trouble, error)

    def _stuck(self, event_id: str | None, count: int = 1) -> None:
        self._metrics.stuck.inc(count)
        _log.error("handler_stuck", consumer=self._consumer.name, event_id=event_id, running_on=self.left)
        if len(self._left) >= self._concurrency:
            self._used_up.set()

    def _look(self) -> None:
        """Find threads that nobody waits for any more, and those that have run on for too long."""
        now = asyncio.get_running_loop().time()
        if found := self._threads.look(now, self._deadline):
            self._stuck(None, found)
        if self._threads.hang(now, max(self._deadline, self._thread_wait)):
            self._used_up.set()

    def _keep(self, task: asyncio.Task[BaseException | None]) -> None:
        self._left.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[BaseException | None]) -> None:
        self._left.discard(task)
        if not task.cancelled() and (error := task.result()) is not None:
            _log.debug("cancelled_handler_failed", consumer=self._consumer.name, error=type(error).__name__)


async def _ended(task: asyncio.Task[Any], seconds: float) -> None:
    """Wait until the task ends, so many seconds at most; `asyncio.wait` does that for many tasks, at a price."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def tell(_task: asyncio.Task[Any] | None = None) -> None:
        if not ended.done():
            ended.set_result(None)

    task.add_done_callback(tell)
    timer = loop.call_later(seconds, tell)
    try:
        await ended
    finally:
        timer.cancel()
        task.remove_done_callback(tell)
