"""The messages whose end nobody told us, and those that their provider does not have. SQL in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, func, literal, select, tuple_

from consumers.state.schema import messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which messages are asked about: first heard of from `since_ms` up to and without `before_ms`, Unix ms.

    `gone`: also those of which the provider said that it has no such message.
    """

    since_ms: int
    before_ms: int
    gone: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """Where a walk through the open rows of an account stands: when we heard of a row first, and its place."""

    first_ms: int
    message_id: str = ""
    recipient: str = ""


def open_rows(connection: Connection, account: str, span: Span, after: Mark, limit: int) -> Sequence[Mark]:
    """Return the next rows of the span without a final state, the oldest first.

    A request whose messages have told of themselves is left out: they are asked about. Whether a message is open as a
    whole is for `whole` to say.
    """
    row = messages.c
    place = tuple_(row.first_ms, row.message_id, row.recipient)
    query = (
        _open_query(account, span)
        # The first bound is the index's.
        .where(row.first_ms >= after.first_ms)
        .where(place > tuple_(literal(after.first_ms), literal(after.message_id), literal(after.recipient)))
        .order_by(row.first_ms, row.message_id, row.recipient)
        .limit(limit)
    )
    return [Mark(*found) for found in connection.execute(query)]


def youngest_rows(connection: Connection, account: str, span: Span, limit: int) -> Sequence[Mark]:
    """Return the last of the rows that `open_rows` gives, the youngest first."""
    row = messages.c
    query = (
        _open_query(account, span)
        .where(row.first_ms >= span.since_ms)
        .order_by(row.first_ms.desc(), row.message_id.desc(), row.recipient.desc())
        .limit(limit)
    )
    return [Mark(*found) for found in connection.execute(query)]


def _open_query(account: str, span: Span) -> Select[int, str, str]:
    row = messages.c
    query = select(row.first_ms, row.message_id, row.recipient).where(
        row.final.is_(False), row.account == account, row.through == "", row.first_ms < span.before_ms
    )
    return query if span.gone else query.where(row.gone_ms.is_(None))


def note_gone(connection: Connection, account: str, message_id: str, at_ms: int) -> None:
    """Note that the provider has no such message, or has it no more, as it said at `at_ms` (Unix ms)."""
    this = _rows_of(account, message_id)
    connection.execute(messages.update().where(this).values(gone_ms=at_ms))


def note_found(connection: Connection, account: str, message_id: str) -> None:
    """Note that the provider has the message after all, though it may have nothing new to say of it."""
    this = _rows_of(account, message_id) & messages.c.gone_ms.is_not(None)
    connection.execute(messages.update().where(this).values(gone_ms=None))


def gone_at(connection: Connection, account: str, ids: Sequence[str]) -> Mapping[str, int]:
    """Return when the provider said that it has no such message (Unix ms), of those that it does not have."""
    row = messages.c
    query = (
        select(row.message_id, func.max(row.gone_ms))
        .where(row.account == account, row.message_id.in_(ids), row.gone_ms.is_not(None))
        .group_by(row.message_id)
    )
    return {message_id: at_ms for message_id, at_ms in connection.execute(query) if at_ms is not None}


def _rows_of(account: str, message_id: str) -> ColumnElement[bool]:
    return (messages.c.account == account) & (messages.c.message_id == message_id)
