"""The table of the ledger: what each step does to a command's row, inside of the transaction that it is given."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, or_, select, update

from consumers.state.database import StateError
from consumers.state.schema import commands
from consumers.state.upsert import insert_into
from schemas.events import SendRequested

_OPEN, _CLAIMED, _UNKNOWN, _DONE = "open", "claimed", "unknown", "done"
_AT_REST = 0.0
"""The `called_at` of a command for which no call is under way."""


@dataclass(frozen=True, slots=True)
class Row:
    """A command as a claim leaves it. `doubtful` says that an earlier call may have had its effect.

    With `busy` somebody's call may be under way; nothing was claimed then.
    """

    calls: int
    claimed_at: float
    doubtful: bool = False
    busy: bool = False
    body: bytes = field(default=b"", repr=False)
    result: bytes | None = field(default=None, repr=False)


def claim(connection: Connection, command: SendRequested, body: bytes, now: float, call_time: float) -> Row:
    """Claim a command for one call with `body`; without a body note it alone.

    A call that was claimed less than `call_time` seconds ago, and not released, counts as under way.
    """
    if _insert(connection, command, body, now):
        return Row(int(bool(body)), now, body=body)
    found = connection.execute(select(commands).where(_is(command)).with_for_update()).mappings().one()
    calls, claimed_at = int(found["calls"]), float(found["claimed_at"])
    if found["result"] is not None:
        return Row(calls, claimed_at, result=bytes(found["result"]))
    if found["state"] != _CLAIMED:
        # The first body stays: under one id the same bytes are sent again, also after a call without effect.
        row = Row(calls + bool(body), claimed_at, body=bytes(found["body"]) or body)
        return _again(connection, command, now, row) if body else row
    if abs(now - float(found["called_at"])) < call_time:
        return Row(calls, claimed_at, doubtful=True, busy=True)
    return _again(connection, command, now, _repeated(found))


def release(connection: Connection, command: SendRequested, *, doubtful: bool) -> None:
    """Note that the claimed call is over. It had no effect, and with `doubtful` that is not certain."""
    connection.execute(
        update(commands)
        .where(_is(command), commands.c.state == _CLAIMED)
        .values(state=_CLAIMED if doubtful else _OPEN, called_at=_AT_REST)
    )


def complete(connection: Connection, command: SendRequested, result: bytes, *, definite: bool) -> bytes:
    """Note the result and return the one that counts: the first definite one, else the first of all.

    The body goes, and the recipient's number with it.
    """
    worse = commands.c.result.is_(None)
    connection.execute(
        update(commands)
        .where(_is(command), or_(worse, commands.c.state == _UNKNOWN) if definite else worse)
        .values(state=_DONE if definite else _UNKNOWN, result=result, body=b"", number=None)
    )
    stored = connection.execute(select(commands.c.result).where(_is(command))).scalar()
    if stored is None:
        raise StateError("a command was completed that nobody claimed")
    return bytes(stored)


def _insert(connection: Connection, command: SendRequested, body: bytes, now: float) -> bool:
    """Note a command for the first time; False where it is known."""
    values: dict[str, Any] = {
        "account": command.account,
        "command_id": command.id,
        "state": _CLAIMED if body else _OPEN,
        "calls": int(bool(body)),
        "claimed_at": now,
        "called_at": now,
        "body": body,
        "number": command.to if body else None,
    }
    made = insert_into(connection, commands).values(**values).on_conflict_do_nothing()
    # Not by `rowcount`: of an insert SQLAlchemy does not keep it on PostgreSQL.
    return connection.execute(made.returning(commands.c.command_id)).first() is not None


def _repeated(found: RowMapping) -> Row:
    return Row(int(found["calls"]) + 1, float(found["claimed_at"]), doubtful=True, body=bytes(found["body"]))


def _again(connection: Connection, command: SendRequested, now: float, row: Row) -> Row:
    connection.execute(
        update(commands)
        .where(_is(command))
        .values(state=_CLAIMED, calls=row.calls, called_at=now, body=row.body, number=command.to)
    )
    return row


def _is(command: SendRequested) -> Any:
    return and_(commands.c.account == command.account, commands.c.command_id == command.id)
