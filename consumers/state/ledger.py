"""The ledger of commands: what was claimed before its call, and how it ended. One SQLite file, one thread.

A claim is on disk before the call goes out, so that a crash between the two leaves a trace. The body of a call is
kept only until the command has ended. Several processes may share the file; the primary key arbitrates.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

import structlog

from consumers.commands import result_id
from consumers.state.ledger_table import LedgerError, LedgerTable, Row
from schemas.codec import CodecError, decode_event, encode_event
from schemas.events import SendCompleted, SendRequested
from schemas.urls import sqlite_path
from schemas.vocabulary import SendOutcome

_log = structlog.get_logger()
T = TypeVar("T")
WAITING_MOST = 256
CALL_WAIT = 15.0
"""Seconds that one call may take; SQLite's own wait for another process is shorter."""

KEPT_SECONDS = 60 * 86400.0
"""Longer than commands are kept on their topic: a command that can come again is still known."""

_PRUNE_EVERY = 3600.0


class ClaimState(StrEnum):
    """What the ledger knew when a command was claimed."""

    NEW = "new"
    BUSY = "busy"
    CLAIMED = "claimed"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a claim gives back.

    NEW: no call can have had its effect; send `body`. BUSY: a call may be under way, and nothing was claimed.
    CLAIMED: an earlier call may have had its effect; `body` is what it sent. DONE: `result` is set. `calls` counts
    this claim too, `claimed_at` is when the first was (Unix seconds).
    """

    state: ClaimState
    calls: int
    claimed_at: float
    body: bytes = field(default=b"", repr=False)
    result: SendCompleted | None = None


class Ledger:
    """The ledger at `url`: `sqlite:///path` is relative, `sqlite:////path` absolute. All methods raise LedgerError."""

    def __init__(self, url: str) -> None:
        path = sqlite_path(url)
        if path is None:
            raise LedgerError(f"state {url!r}: expected sqlite:///PATH")
        self._table = LedgerTable(path)
        self._executor: ThreadPoolExecutor | None = None
        self._waiting = set[Future[Any]]()
        self._pruned_at = 0.0

    async def open(self) -> None:
        """Open the file, make it where it is not there."""
        if self._executor is not None:
            return
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        try:
            await self._call(self._table.open)
        except LedgerError:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the file; a call that hangs is left behind."""
        executor = self._executor
        if executor is None:
            return
        try:
            await self._call(self._table.close)
        except LedgerError as error:
            _log.warning("ledger_not_closed", error=str(error))
        finally:
            self._executor = None
            executor.shutdown(wait=False)

    async def claim(self, command: SendRequested, body: bytes, now: float, call_time: float) -> Claim:
        """Claim a command, on disk when it returns. An empty body says that no call will be made now.

        `call_time` is the longest that a call takes, in seconds: one that was claimed since then may be under way.
        """
        if now - self._pruned_at > _PRUNE_EVERY:
            self._pruned_at = now
            await self._call(lambda: self._table.prune(now - KEPT_SECONDS))
        row = await self._call(
            lambda: self._table.claim(command.account, command.id, body, now, call_time),
            lambda late: self._take_back(command, late),
        )
        result = None if row.result is None else _read_result(command, row.result)
        return Claim(state=_state(row), calls=row.calls, claimed_at=row.claimed_at, body=row.body, result=result)

    async def release(self, command: SendRequested, *, doubtful: bool) -> None:
        """Note that the call that was claimed is over, with `doubtful` that it may have had its effect.

        The command stays open.
        """
        await self._call(lambda: self._table.release(command.account, command.id, doubtful=doubtful))

    async def complete(self, command: SendRequested, result: SendCompleted) -> SendCompleted:
        """Note how a claimed command ended and forget its body; return the result that counts.

        That is the first one; only where it says `unknown`, a later one that knows takes its place.
        """
        text = encode_event(replace(result, from_=None, to=None))
        definite = result.outcome != SendOutcome.UNKNOWN
        stored = await self._call(lambda: self._table.complete(command.account, command.id, text, definite=definite))
        return _read_result(command, stored)

    def _take_back(self, command: SendRequested, late: Row) -> None:
        """Undo a claim that came too late for its call, which was never made."""
        if not late.busy:
            self._table.release(command.account, command.id, doubtful=late.doubtful)

    async def _call(self, work: Callable[[], T], undo: Callable[[T], None] | None = None) -> T:
        """Do the work in the thread. Work that nobody waits for any more is undone there once it is over."""
        executor = self._executor
        if executor is None:
            raise LedgerError("the ledger is not open")
        if len(self._waiting) >= WAITING_MOST:
            raise LedgerError("too many calls wait for the ledger")
        future = executor.submit(work)
        # What nobody waits for any more keeps its place until it is over: the bound is on the thread's work.
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        try:
            async with asyncio.timeout(CALL_WAIT):
                return await asyncio.wrap_future(future)
        except (TimeoutError, asyncio.CancelledError) as error:
            if not future.cancel() and undo is not None:
                # A ledger that was closed meanwhile cannot; then the claim stays, as after a crash.
                with contextlib.suppress(RuntimeError):
                    executor.submit(lambda: undo(future.result()))
            if isinstance(error, TimeoutError):
                raise LedgerError("the ledger took too long") from error
            raise


def _state(row: Row) -> ClaimState:
    if row.result is not None:
        return ClaimState.DONE
    if row.busy:
        return ClaimState.BUSY
    return ClaimState.CLAIMED if row.doubtful else ClaimState.NEW


def _read_result(command: SendRequested, text: bytes) -> SendCompleted:
    """Return the result; the numbers are the command's and are not kept twice."""
    try:
        stored = decode_event(SendCompleted, result_id(command), text)
    except CodecError as error:
        raise LedgerError("a result in the ledger cannot be read") from error
    return replace(stored, from_=command.from_, to=command.to)
