"""The tables of the message states. Everything here is SQL in one transaction, and safe to run twice.

Rows that race are made with `insert ... on conflict do nothing` and then taken with `for update`, in the order of their
keys, so that two members wait for each other and never for each other's turn. The greater standing wins in Python:
how a database compares texts depends on its locale.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select

from consumers.state.schema import message_events, messages
from consumers.state.upsert import insert_into
from consumers.track.merging import Standing
from consumers.track.places import EventNote, Place, Sighting
from consumers.track.states import StateRow, newer

_AT_ONCE = 500
"""Ids that one query names: databases bound the parameters of a statement."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What a batch of sightings did. `to_publish` are the rows whose record has to be written, as they are now.

    That is each row that the batch changed, and each row of an event that was known before: whoever noted it may have
    died before its record was written.
    """

    to_publish: Mapping[Place, StateRow]
    changed: frozenset[Place]
    repeated: frozenset[tuple[str, str, str]]


def note(connection: Connection, sightings: Sequence[Sighting]) -> Noted:
    """Note events and merge what they tell into the states."""
    # Of one event that came twice the first is noted, in one batch as in two.
    notes = {sighting.note.key: sighting.note for sighting in reversed(sightings)}
    # What another member is about to note is waited for, and counts as known: that one may die before it publishes.
    known = frozenset(notes.keys() - _noted(connection, notes.values()))
    rows, changed = merge(connection, _told(sightings))
    again = {place for sighting in sightings if sighting.note.key in known for place in sighting.standings}
    wanted = changed | again
    return Noted({place: row for place, row in rows.items() if place in wanted}, changed, known)


def note_known(connection: Connection, sightings: Sequence[Sighting]) -> Noted:
    """Do so with the events alone whose messages have states. Those are ours meanwhile: nobody erases them between."""
    places = {place for sighting in sightings for place in (sighting.note.place, *sighting.standings)}
    rows = {row.place for row in _rows_of_messages(connection, places, lock=True)}
    ids = {(place.account, place.message_id) for place in rows}
    known = [
        sighting
        for sighting in sightings
        if sighting.standings.keys() <= rows and (sighting.note.account, sighting.note.message_id) in ids
    ]
    return note(connection, known)


def merge(
    connection: Connection, told: Mapping[Place, StateRow], join: Callable[[StateRow, StateRow], StateRow] = newer
) -> tuple[Mapping[Place, StateRow], frozenset[Place]]:
    """Merge rows into the table; return them as they are now, and which of them changed."""
    if not told:
        return {}, frozenset()
    made = _make(connection, told, told.keys() - rows_of(connection, told).keys())
    found = rows_of(connection, told, lock=True)
    gone = told.keys() - found.keys()
    if gone:
        # Tidied away or erased since the look. What we make now is ours until the end.
        made |= _make(connection, told, gone)
        found = {**found, **rows_of(connection, gone, lock=True)}
    better = {place: both for place, row in found.items() if (both := join(row, told[place])) != row}
    if better:
        connection.execute(_UPDATE, [_columns(row, _KEY) for row in better.values()])
    return {**found, **better}, frozenset(better) | made


def forget(connection: Connection, places: Iterable[Place]) -> None:
    """Delete the rows of those places."""
    where = [messages.c[name] == bindparam(f"{_KEY}{name}") for name in _PLACE]
    keys = [{f"{_KEY}{name}": getattr(place, name) for name in _PLACE} for place in places]
    if keys:
        connection.execute(delete(messages).where(*where), keys)


def _make(connection: Connection, told: Mapping[Place, StateRow], places: Iterable[Place]) -> frozenset[Place]:
    """Make the rows of those places that are not there, and return the places."""
    missing = sorted(places)
    if missing:
        insert = insert_into(connection, messages).on_conflict_do_nothing()
        connection.execute(insert, [_columns(told[place]) for place in missing])
    return frozenset(missing)


def rows_of(connection: Connection, places: Iterable[Place], *, lock: bool = False) -> Mapping[Place, StateRow]:
    """Return the rows of those places that are there; with `lock` they are ours until the transaction ends."""
    wanted = frozenset(places)
    return {row.place: row for row in _rows_of_messages(connection, wanted, lock=lock) if row.place in wanted}


def events_of(connection: Connection, ids: Sequence[str], account: str | None = None) -> Sequence[EventNote]:
    """Return the events about messages or requests of those ids, and about the messages of those requests."""
    table = message_events
    query = select(table).where(table.c.message_id.in_(ids) | table.c.request_id.in_(ids))
    query = query if account is None else query.where(table.c.account == account)
    return [EventNote(**row) for row in connection.execute(query.limit(_MOST_SHOWN)).mappings()]


def states_of(connection: Connection, ids: Sequence[str], account: str | None = None) -> Sequence[StateRow]:
    """Return the states of messages or requests of those ids."""
    query = select(*_COLUMNS).where(messages.c.message_id.in_(ids))
    query = query if account is None else query.where(messages.c.account == account)
    return [_row(row) for row in connection.execute(query.limit(_MOST_SHOWN))]


def _rows_of_messages(connection: Connection, places: Iterable[Place], *, lock: bool) -> Iterator[StateRow]:
    """Yield the rows of the messages of those places, whoever their recipients are."""
    for account, ids in _ids(places):
        query = select(*_COLUMNS).where(messages.c.account == account, messages.c.message_id.in_(ids))
        query = query.order_by(messages.c.account, messages.c.message_id, messages.c.recipient)
        yield from map(_row, connection.execute(query.with_for_update() if lock else query))


_MOST_SHOWN = 10_000
_MESSAGE = messages.c
_COLUMNS = (
    *(_MESSAGE.account, _MESSAGE.message_id, _MESSAGE.recipient, _MESSAGE.provider, _MESSAGE.tenant, _MESSAGE.status),
    *(_MESSAGE.rank, _MESSAGE.moment_ms, _MESSAGE.event_id, _MESSAGE.provider_status, _MESSAGE.failure_class),
    *(_MESSAGE.through, _MESSAGE.final, _MESSAGE.first_ms, _MESSAGE.changed_ms),
)
"""What `_row` takes, in its order."""

_EVENT_COLUMNS = tuple(each.name for each in fields(EventNote))
_PLACE = tuple(each.name for each in fields(Place))
_KEY = "key_"
_UPDATE = (
    messages.update()
    .where(*(column == bindparam(f"{_KEY}{column.name}") for column in messages.primary_key))
    .values({column.name: bindparam(column.name) for column in messages.columns if not column.primary_key})
)


def _noted(connection: Connection, notes: Collection[EventNote]) -> frozenset[tuple[str, str, str]]:
    """Note those events that are not noted yet, and return their keys."""
    if not notes:
        return frozenset()
    table = message_events.c
    insert = insert_into(connection, message_events).on_conflict_do_nothing()
    made = connection.execute(
        insert.returning(table.account, table.message_id, table.event_id), [_event_columns(one) for one in notes]
    )
    return frozenset((account, message_id, event_id) for account, message_id, event_id in made)


def _told(sightings: Sequence[Sighting]) -> Mapping[Place, StateRow]:
    """Return the greatest standing of each place that the sightings tell of, as a row of its own."""
    rows = (
        StateRow(
            place=place,
            standing=told,
            provider=sighting.provider,
            tenant=sighting.tenant,
            first_ms=sighting.note.received_ms,
            changed_ms=sighting.note.received_ms,
        )
        for sighting in sightings
        for place, told in sighting.standings.items()
    )
    return together(rows, newer)


def together(rows: Iterable[StateRow], join: Callable[[StateRow, StateRow], StateRow]) -> Mapping[Place, StateRow]:
    """Return what all rows of each place come to."""
    found: dict[Place, StateRow] = {}
    for row in rows:
        known = found.get(row.place)
        found[row.place] = row if known is None else join(known, row)
    return found


def _ids(places: Iterable[Place]) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield accounts with the message ids of the places, a bounded number at a time."""
    by_account: defaultdict[str, set[str]] = defaultdict(set)
    for place in places:
        by_account[place.account].add(place.message_id)
    for account in sorted(by_account):
        ids = sorted(by_account[account])
        for at in range(0, len(ids), _AT_ONCE):
            yield account, ids[at : at + _AT_ONCE]


def _columns(row: StateRow, prefix: str = "") -> Mapping[str, Any]:
    """Return the row's columns; those of its key are named with a prefix."""
    place, told = row.place, row.standing
    return {
        f"{prefix}account": place.account,
        f"{prefix}message_id": place.message_id,
        f"{prefix}recipient": place.recipient,
        "provider": row.provider,
        "tenant": row.tenant,
        "status": told.status,
        "rank": told.rank,
        "moment_ms": told.moment,
        "event_id": told.event_id,
        "provider_status": told.provider_status,
        "failure_class": told.failure_class,
        "through": told.through,
        "final": told.final,
        "first_ms": row.first_ms,
        "changed_ms": row.changed_ms,
        # Whoever has news of it knows it.
        "gone_ms": None,
    }


def _event_columns(note: EventNote) -> Mapping[str, Any]:
    # `asdict` copies every value, which costs more than all else here.
    return {name: getattr(note, name) for name in _EVENT_COLUMNS}


def _row(row: Row[*tuple[Any, ...]]) -> StateRow:
    # To ask a row for each column by its name costs more than the query does.
    values: tuple[Any, ...] = tuple(row)
    account, message_id, recipient, provider, tenant, status, rank, moment, event_id = values[:9]
    provider_status, failure_class, through, _, first_ms, changed_ms = values[9:]
    return StateRow(
        place=Place(account, message_id, recipient),
        standing=Standing(
            rank=rank,
            moment=moment,
            event_id=event_id,
            status=status,
            provider_status=provider_status,
            failure_class=failure_class,
            through=through,
        ),
        provider=provider,
        tenant=tenant,
        first_ms=first_ms,
        changed_ms=changed_ms,
    )
