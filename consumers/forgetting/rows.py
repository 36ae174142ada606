"""The rows of a person in the state. Everything here runs inside one transaction and does nothing but SQL."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, func, or_, select, text

from consumers.forgetting.person import InState, Person
from consumers.state.schema import commands, consent_history, consents, message_events, messages, replies
from schemas.topics import COMMANDS
from schemas.vocabulary import Consent

_AT_ONCE = 200
"""Ids that one statement names: SQLite takes some thousand values."""

_DAY = 86_400.0


def look(connection: Connection, person: Person, now: float) -> InState:
    """Return what the state has of a person at `now` (Unix seconds). Changes nothing."""
    alone = _messages_to(connection, person)
    counts = {table.name: _count(connection, table, where) for table, where in _wheres(person, now).items()}
    for table in (messages, message_events):
        counts[table.name] += sum(_count(connection, table, each) for each in _unnamed(table, alone))
    return InState(
        rows=counts,
        under_way=_count(connection, commands, and_(_to(commands, "number", person), ~_old(now))),
        unnamed=_count(connection, commands, _unreadable(person)),
        messages=alone,
        opt_outs=_opt_outs(connection, person),
    )


def forget(connection: Connection, person: Person, now: float) -> Mapping[str, int]:
    """Delete the rows of a person, and return how many went by table."""
    _keep_statements_out(connection)
    alone = _messages_to(connection, person)
    wheres = _wheres(person, now)
    gone = {table.name: 0 for table in wheres}
    for table in (messages, message_events):
        gone[table.name] += sum(_delete(connection, table, each) for each in _unnamed(table, alone))
    for table, where in wheres.items():
        gone[table.name] += _delete(connection, table, where)
    return gone


def _keep_statements_out(connection: Connection) -> None:
    """Let nobody note a statement until the end, or one could lose the row that says it counts.

    An SQLite transaction keeps all others out by itself.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE consents IN SHARE ROW EXCLUSIVE MODE"))


def _wheres(person: Person, now: float) -> Mapping[Table, ColumnElement[bool]]:
    # The history first: which of it stays is told by what counts.
    stays = exists().where(
        consents.c.account == consent_history.c.account,
        consents.c.event_id == consent_history.c.event_id,
        consents.c.consent == Consent.OPTED_OUT,
    )
    counts, said = _to(consents, "number", person), _to(consent_history, "number", person)
    if person.keeps_opt_out:
        counts, said = and_(counts, consents.c.consent != Consent.OPTED_OUT), and_(said, ~stays)
    return {
        consent_history: said,
        consents: counts,
        messages: _to(messages, "recipient", person),
        message_events: _to(message_events, "recipient", person),
        replies: _to(replies, "theirs", person),
        commands: and_(_to(commands, "number", person), _old(now)),
    }


def _to(table: Table, name: str, person: Person) -> ColumnElement[bool]:
    where = table.c[name].in_(person.spellings)
    return where if person.account is None else and_(where, table.c.account == person.account)


def _unreadable(person: Person) -> ColumnElement[bool]:
    """Open commands that an earlier version has claimed, with a body that does not tell whom it is for."""
    where = and_(commands.c.number.is_(None), commands.c.result.is_(None), func.length(commands.c.body) > 0)
    return where if person.account is None else and_(where, commands.c.account == person.account)


def _old(now: float) -> ColumnElement[bool]:
    """Commands that cannot come again: their topic has dropped them, with a day to spare."""
    return commands.c.claimed_at < now - (COMMANDS.retention_ms or 0) / 1000 - _DAY


def _messages_to(connection: Connection, person: Person) -> frozenset[tuple[str, str]]:
    """Return account and id of the messages to this person and to nobody else."""
    mine, shared = set[tuple[str, str]](), set[tuple[str, str]]()
    for table in (messages, message_events):
        query = select(table.c.account, table.c.message_id).where(_to(table, "recipient", person))
        mine |= {(account, message) for account, message in connection.execute(query)}
    for table in (messages, message_events):
        for some in _batches(mine):
            other = and_(_among(table, some), table.c.recipient.not_in((*person.spellings, "")))
            query = select(table.c.account, table.c.message_id).where(other)
            shared |= {(account, message) for account, message in connection.execute(query)}
    return frozenset(mine - shared)


def _unnamed(table: Table, alone: Iterable[tuple[str, str]]) -> Sequence[ColumnElement[bool]]:
    """Return which rows that name no recipient are of messages to this person alone."""
    return [and_(_among(table, some), table.c.recipient == "") for some in _batches(alone)]


def _batches(keys: Iterable[tuple[str, str]]) -> Iterator[Sequence[tuple[str, str]]]:
    ordered = sorted(keys)
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))


def _among(table: Table, keys: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    return or_(*(and_(table.c.account == account, table.c.message_id == message) for account, message in keys))


def _opt_outs(connection: Connection, person: Person) -> frozenset[bytes]:
    where = and_(_to(consents, "number", person), consents.c.consent == Consent.OPTED_OUT)
    query = select(consents.c.account, consents.c.scope, consents.c.number).where(where)
    return frozenset("|".join(row).encode("utf-8", "replace") for row in connection.execute(query))


def _count(connection: Connection, table: Table, where: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(table).where(where)).scalar_one()


def _delete(connection: Connection, table: Table, where: ColumnElement[bool]) -> int:
    return connection.execute(delete(table).where(where)).rowcount
