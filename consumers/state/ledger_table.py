"""The table of the ledger: what each step does to a command's row, inside of the transaction that it is given."""

from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, case, or_, select, update

from consumers.state.database import StateError
from consumers.state.schema import commands
from consumers.state.upsert import insert_into
from schemas.events import SendRequested

_OPEN, _CLAIMED, _UNKNOWN, _DONE = "open", "claimed", "unknown", "done"
_AT_REST = 0.0
"""The `called_at` of a command for which no call is under way."""


@dataclass(frozen=True, slots=True)
class Row:
    """A command as a claim leaves it. `doubts` counts the calls that may have had their effect, this claim's too.

    The first of them was at `doubtful_at`; `called_at` is this claim's own time, and with `calls` tells it from every
    other claim. With `busy` somebody's call may be under way; nothing was claimed then.
    """

    calls: int
    doubts: int = 0
    doubtful_at: float = _AT_REST
    called_at: float = _AT_REST
    busy: bool = False
    body: bytes = field(default=b"", repr=False)
    result: bytes | None = field(default=None, repr=False)


def claim(connection: Connection, command: SendRequested, body: bytes, now: float, call_time: float) -> Row:
    """Claim a command for one call with `body`; without a body note it alone.

    A call that was claimed less than `call_time` seconds ago, and not released, counts as under way.
    """
    if _insert(connection, command, body, now):
        return Row(1, 1, now, now, body=body) if body else Row(0)
    found = connection.execute(select(commands).where(_is(command)).with_for_update()).mappings().one()
    row = _as_it_is(found)
    if row.result is not None:
        return row
    if row.doubts and abs(now - row.called_at) < call_time:
        return replace(row, busy=True)
    if not row.doubts and not body:
        return row
    # The first body stays: under one id the same bytes are sent again, also after a call without effect.
    return _again(connection, command, now, replace(row, body=row.body or body))


def release(connection: Connection, command: SendRequested, row: Row, *, effectless: bool, called: bool = True) -> None:
    """Note that the call of that very claim is over; a claim that is not the last one any more is left alone.

    With `effectless` it certainly had no effect, so it is in doubt no more; without `called` there was none.
    """
    doubts = commands.c.doubts - int(effectless)
    connection.execute(
        update(commands)
        .where(_is(command), commands.c.state == _CLAIMED)
        .where(commands.c.calls == row.calls, commands.c.called_at == row.called_at)
        .values(
            state=case((doubts > 0, _CLAIMED), else_=_OPEN),
            calls=commands.c.calls - int(not called),
            doubts=doubts,
            called_at=_AT_REST,
        )
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
        "doubts": int(bool(body)),
        "claimed_at": now,
        "called_at": now if body else _AT_REST,
        "doubtful_at": now if body else _AT_REST,
        "body": body,
        "number": command.to if body else None,
    }
    made = insert_into(connection, commands).values(**values).on_conflict_do_nothing()
    # Not by `rowcount`: of an insert SQLAlchemy does not keep it on PostgreSQL.
    return connection.execute(made.returning(commands.c.command_id)).first() is not None


def _as_it_is(found: RowMapping) -> Row:
    result = found["result"]
    return Row(
        calls=int(found["calls"]),
        doubts=int(found["doubts"]) if found["state"] == _CLAIMED else 0,
        doubtful_at=float(found["doubtful_at"]),
        called_at=float(found["called_at"]),
        body=bytes(found["body"]),
        result=None if result is None else bytes(result),
    )


def _again(connection: Connection, command: SendRequested, now: float, found: Row) -> Row:
    """Claim another call. Where nothing was in doubt, the doubt begins with it."""
    since = found.doubtful_at if found.doubts else now
    row = replace(found, calls=found.calls + 1, doubts=found.doubts + 1, doubtful_at=since, called_at=now)
    connection.execute(
        update(commands)
        .where(_is(command))
        .values(
            state=_CLAIMED,
            calls=row.calls,
            doubts=row.doubts,
            doubtful_at=row.doubtful_at,
            called_at=now,
            body=row.body,
            number=command.to,
        )
    )
    return row


def _is(command: SendRequested) -> Any:
    return and_(commands.c.account == command.account, commands.c.command_id == command.id)
