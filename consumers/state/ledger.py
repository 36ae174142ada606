"""The ledger of commands: what was claimed before its call, and how it ended.

A claim is durable before the call goes out, so that a crash between the two leaves a trace. The body of a call is
kept only until the command has ended. Several processes may share the state; the primary key arbitrates.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from sqlalchemy import Connection

from consumers.commands import result_id
from consumers.state import ledger_table as table
from consumers.state.database import Database, StateValueError
from consumers.state.ledger_table import Row
from schemas.codec import CodecError, decode_event, encode_event
from schemas.events import SendCompleted, SendRequested
from schemas.vocabulary import SendOutcome


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
    this claim too. `doubts` counts those calls that may have had their effect, this one too; the first of them was at
    `doubtful_at`, this one at `called_at` (Unix seconds).
    """

    state: ClaimState
    calls: int
    doubts: int = 0
    doubtful_at: float = 0.0
    called_at: float = 0.0
    body: bytes = field(default=b"", repr=False)
    result: SendCompleted | None = None

    @property
    def waits(self) -> int:
        """How many calls were answered with a wish to wait, should this one be answered so too."""
        return self.calls - self.doubts + 1


class Ledger:
    """The ledger in a database, which whoever made it opens. All methods raise StateError and StateValueError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, command: SendRequested, body: bytes, now: float, call_time: float) -> Claim:
        """Claim a command, durably when it returns. An empty body says that no call will be made now.

        `call_time` is the longest that a call takes, in seconds: one that was claimed since then may be under way.
        """

        def take_back(connection: Connection, late: Row) -> None:
            # The claim came too late for its call, which was never made.
            if not late.busy and late.result is None:
                table.release(connection, command, late, effectless=True, called=False)

        row = await self._database.run(
            lambda connection: table.claim(connection, command, body, now, call_time), take_back
        )
        result = None if row.result is None else _read_result(command, row.result)
        return Claim(
            state=_state(row),
            calls=row.calls,
            doubts=row.doubts,
            doubtful_at=row.doubtful_at,
            called_at=row.called_at,
            body=row.body,
            result=result,
        )

    async def release(self, command: SendRequested, claim: Claim, *, effectless: bool, called: bool = True) -> None:
        """Note that the call of that claim is over, with `effectless` that it certainly had no effect.

        Without `called` it was never made, or counts as not made. The command stays open; where somebody else has
        claimed it meanwhile nothing is changed.
        """
        row = Row(claim.calls, called_at=claim.called_at)
        await self._database.run(
            lambda connection: table.release(connection, command, row, effectless=effectless, called=called)
        )

    async def complete(self, command: SendRequested, result: SendCompleted) -> SendCompleted:
        """Note how a claimed command ended and forget its body; return the result that counts.

        That is the first one; only where it says `unknown`, a later one that knows takes its place.
        """
        text = encode_event(replace(result, from_=None, to=None))
        definite = result.outcome != SendOutcome.UNKNOWN
        stored = await self._database.run(
            lambda connection: table.complete(connection, command, text, definite=definite)
        )
        return _read_result(command, stored)


def _state(row: Row) -> ClaimState:
    if row.result is not None:
        return ClaimState.DONE
    if row.busy:
        return ClaimState.BUSY
    return ClaimState.CLAIMED if row.doubts > 1 else ClaimState.NEW


def _read_result(command: SendRequested, text: bytes) -> SendCompleted:
    """Return the result; the numbers are the command's and are not kept twice."""
    try:
        stored = decode_event(SendCompleted, result_id(command), text)
    except CodecError as error:
        raise StateValueError("a result in the ledger cannot be read") from error
    return replace(stored, from_=command.from_, to=command.to)
