"""The rows of consent in the state. Everything here runs inside one transaction and does nothing but SQL."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import ColumnElement, Connection, Executable, and_, select, update

from consumers.consent.numbers import spellings
from consumers.consent.statement import TOLD, Statement, same_again
from consumers.state.schema import consent_history, consents, sender_scopes
from consumers.state.upsert import insert_into

_MOST_AT_ONCE = 100


class OneIdError(ValueError):
    """One event id stands for statements about two persons or scopes: no provider's event does that."""


_HISTORY = (
    consent_history.c.account,
    consent_history.c.scope,
    consent_history.c.number,
    consent_history.c.consent,
    consent_history.c.event_id,
    consent_history.c.moment_ms,
    consent_history.c.received_ms,
    consent_history.c.source,
    consent_history.c.provider_status,
    consent_history.c.keyword,
    consent_history.c.webhook_id,
)


def put(connection: Connection, statement: Statement) -> Statement:
    """Note a statement, and return the one that counts now for its person and scope.

    What counts is the highest of the history, so that no order of arrival and no repeat makes a difference.
    Raises OneIdError.
    """
    _lock(connection, statement)
    _remember(connection, statement)
    highest = max(_highest(connection, statement), key=lambda each: each.order)
    connection.execute(
        update(consents)
        .where(_key(statement))
        .values(
            consent=highest.consent,
            source=highest.source,
            moment_ms=highest.moment_ms,
            event_id=highest.event_id,
        )
    )
    return highest


def counting(connection: Connection, account: str | None, number: str) -> Sequence[Statement]:
    """Return the statements that count, one for each scope; of every account where none is named."""
    query = select(*_HISTORY).join(
        consents,
        and_(consents.c.account == consent_history.c.account, consents.c.event_id == consent_history.c.event_id),
    )
    query = query.where(consents.c.number.in_(spellings(number)))
    if account is not None:
        query = query.where(consents.c.account == account)
    return _read(connection, query.order_by(consents.c.account, consents.c.scope))


def history(connection: Connection, account: str | None, number: str, most: int) -> Sequence[Statement]:
    """Return what was said, the latest first."""
    query = select(*_HISTORY).where(consent_history.c.number.in_(spellings(number)))
    if account is not None:
        query = query.where(consent_history.c.account == account)
    latest = query.order_by(consent_history.c.moment_ms.desc(), consent_history.c.event_id).limit(most)
    return _read(connection, latest)


def scope_of(connection: Connection, account: str, ours: str) -> str | None:
    """Return the scope of a number of ours, None where no message has told it."""
    query = select(sender_scopes.c.scope).where(sender_scopes.c.account == account, sender_scopes.c.number == ours)
    return connection.execute(query).scalar_one_or_none()


def put_scope(connection: Connection, account: str, ours: str, scope: str, moment_ms: int) -> None:
    """Note the scope of a number of ours, unless a later message told another."""
    insert = insert_into(connection, sender_scopes).values(
        account=account, number=ours, scope=scope, moment_ms=moment_ms
    )
    given = insert.excluded
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["account", "number"],
            set_={"scope": given.scope, "moment_ms": given.moment_ms},
            where=sender_scopes.c.moment_ms <= given.moment_ms,
        )
    )


def _lock(connection: Connection, statement: Statement) -> None:
    """See to it that nobody else works on this person and scope until the transaction ends."""
    insert = insert_into(connection, consents).values(
        account=statement.account,
        scope=statement.scope,
        number=statement.number,
        consent=statement.consent,
        source=statement.source,
        moment_ms=statement.moment_ms,
        event_id=statement.event_id,
    )
    # To update changes nothing, and locks the row: one that is only found could be erased before it is locked.
    keys = ["account", "scope", "number"]
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_={"event_id": consents.c.event_id}))


def _remember(connection: Connection, statement: Statement) -> None:
    query = select(*_HISTORY).where(
        consent_history.c.account == statement.account, consent_history.c.event_id == statement.event_id
    )
    known = _read(connection, query)
    if known and (known[0].scope, known[0].number) != (statement.scope, statement.number):
        raise OneIdError
    merged = same_again(known[0], statement) if known else statement
    told = {name: getattr(merged, name) for name in ("moment_ms", "received_ms", "webhook_id")}
    insert = insert_into(connection, consent_history).values(**asdict(merged))
    connection.execute(insert.on_conflict_do_update(index_elements=["account", "event_id"], set_=told))


def _highest(connection: Connection, statement: Statement) -> Sequence[Statement]:
    """Return the highest statements about a person in a scope, by all of their order but the id.

    How a database orders texts depends on its locale, so ids are compared here; so many of one millisecond are none.
    Word by word an index has them in their order, however much was said.
    """
    history = consent_history.c
    told = [each for word in sorted(TOLD) for each in _latest(connection, statement, history.consent == word)]
    return told or _latest(connection, statement, history.consent.not_in(TOLD))


def _latest(connection: Connection, statement: Statement, words: ColumnElement[bool]) -> Sequence[Statement]:
    history = consent_history.c
    query = select(*_HISTORY).where(
        history.number == statement.number, history.account == statement.account, history.scope == statement.scope
    )
    order = (history.moment_ms.desc(), history.received_ms.desc())
    return _read(connection, query.where(words).order_by(*order).limit(_MOST_AT_ONCE))


def _key(statement: Statement) -> ColumnElement[bool]:
    return and_(
        consents.c.account == statement.account,
        consents.c.scope == statement.scope,
        consents.c.number == statement.number,
    )


def _read(connection: Connection, query: Executable) -> Sequence[Statement]:
    # The columns have the names of the fields.
    return [Statement(**row) for row in connection.execute(query).mappings()]
