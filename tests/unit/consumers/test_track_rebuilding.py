"""The table out of the topics: after a rebuild both say the same."""

from pathlib import Path
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from consumers.state.database import Database
from consumers.state.schema import message_events, messages
from consumers.track import table
from consumers.track.places import EventNote
from consumers.track.rebuilding import Rebuilt, rebuild_lives, rebuild_states
from consumers.track.states import key_of, tombstone_of
from schemas.envelope import event_to_record
from schemas.events import Event
from schemas.records import Record
from schemas.topics import STATES
from tests.support.consumed_log import MemoryLog
from tests.support.consumers import with_header
from tests.support.tracking import OTHER, PERSON, news, rows_in, rows_on, taken, told, tracker_of

LIFE = (
    taken(),
    news("sent", 1),
    news("delivered", 2, message="m2", request_id="r2"),
    news("failed", 3, to=OTHER, failure_class="permanent"),
    news("teleported", 4, message="m3", to=None, occurred_at=None),
)


def quiet(_rebuilt: Rebuilt) -> None:
    """Tell nobody."""


async def tracked(database: Database, log: MemoryLog, *events: Event) -> None:
    """Put events on their topics and track them."""
    tracker = tracker_of(database, log)
    for event in events:
        log.put(event_to_record(event, webhook_id="w1"))
        await tracker.handle(told(event))


async def test_a_new_table_says_what_the_topic_says(database: Database, tmp_path: Path) -> None:
    """Every column of every row: what the table has, the topic has too."""
    log = MemoryLog(3)
    first = Database(f"sqlite:///{tmp_path / 'first.db'}")
    await first.open()
    await tracked(first, log, *LIFE)
    rebuilt = await rebuild_states(log, database, quiet)
    assert await rows_in(database) == await rows_in(first) == rows_on(log)
    assert (rebuilt.unreadable, rebuilt.changed) == (0, 5)
    await first.close()


async def test_a_place_has_the_key_of_its_record(database: Database) -> None:
    """By which a tombstone is known for what it takes."""
    log = MemoryLog()
    await tracked(database, log, *LIFE)
    rows = rows_on(log)
    assert {record.key for record in log.on(STATES.name)} == {key_of(place) for place in rows}


async def test_nothing_goes_back_by_a_rebuild(database: Database) -> None:
    """What the table knows already stays, whatever older record the topic still has."""
    log = MemoryLog()
    await tracked(database, log, news("sent", 1))
    before = len(log.records)
    await tracked(database, MemoryLog(), news("read", 2))
    await rebuild_states(log, database, quiet)
    assert [row.standing.status for row in (await rows_in(database)).values()] == ["read"]
    assert len(log.records) == before


async def test_lives_are_filled_from_what_was_told(database: Database) -> None:
    """From deliveries and results; the states come along, and the topic agrees."""
    log = MemoryLog(3)
    for event in LIFE:
        log.put(event_to_record(event, webhook_id="w1"))
    rebuilt = await rebuild_lives(log, tracker_of(database, log), quiet)
    assert (rebuilt.read, rows_on(log)) == (len(LIFE), await rows_in(database))
    found = await database.run(lambda connection: table.events_of(connection, ["m1", "m2", "m3"]))
    assert {one.event_id for one in found} == {event.id for event in LIFE}
    assert all(isinstance(one, EventNote) for one in found)


async def test_what_a_replay_wrote_is_passed_over(database: Database) -> None:
    """It is no news."""
    log = MemoryLog()
    log.put(with_header(event_to_record(news("sent", 1)), "ce_replayid", b"r"))
    await rebuild_lives(log, tracker_of(database, log), quiet)
    assert await rows_in(database) == {}


async def test_a_tombstone_and_a_broken_record_stop_nothing(database: Database) -> None:
    """The one is nobody any more, the other is counted."""
    log = MemoryLog()
    log.put(Record(STATES.name, b"main|m0|+1", None, (), 0))
    log.put(Record(STATES.name, b"main|m0|+2", b"{", (("ce_id", b"x"), ("ce_type", b"messaging.state.changed")), 0))
    await tracked(database, log, news("sent", 1))
    assert (await rebuild_states(log, database, quiet)).unreadable == 1


async def test_what_was_erased_stays_erased(database: Database) -> None:
    """By either rebuild, though the log has the older records of its key and all that was told about it."""
    log = MemoryLog(3)
    await tracked(database, log, *LIFE)
    for row in (await rows_in(database)).values():
        log.put(tombstone_of(row))
    await database.run(lambda connection: connection.execute(delete(messages)))
    await database.run(lambda connection: connection.execute(delete(message_events)))
    await rebuild_states(log, database, quiet)
    await rebuild_lives(log, tracker_of(database, log), quiet)
    assert await rows_in(database) == {}


async def test_what_came_after_an_erase_is_filled_in(database: Database) -> None:
    """The person is known again by then."""
    log = MemoryLog()
    await tracked(database, log, news("sent", 1))
    for row in (await rows_in(database)).values():
        log.put(tombstone_of(row))
    await database.run(lambda connection: connection.execute(delete(messages)))
    await tracked(database, log, news("read", 2))
    await database.run(lambda connection: connection.execute(delete(messages)))
    await rebuild_states(log, database, quiet)
    assert [row.standing.status for row in (await rows_in(database)).values()] == ["read"]


_events = st.lists(
    st.builds(
        lambda status, number, message, to, code: news(status, number, message=message, to=to, failure_class=code),
        st.sampled_from(["queued", "sent", "delivered", "read", "failed", "new"]),
        st.integers(0, 3),
        st.sampled_from(["m1", "m2"]),
        st.sampled_from([PERSON, None]),
        st.sampled_from([None, "permanent"]),
    ),
    max_size=8,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_events, st.randoms(use_true_random=False))
async def test_any_events_in_two_orders_give_one_table_and_one_topic(
    tmp_path: Path, events: list[Event], random: object
) -> None:
    """Whatever came, and twice: the states are the same, and those of the topic too."""
    ends = []
    for order in (events, random.sample([*events, *events], 2 * len(events))):  # type: ignore[attr-defined]
        path = tmp_path / f"{uuid4().hex}.db"
        database, log = Database(f"sqlite:///{path}"), MemoryLog()
        await database.open()
        await tracked(database, log, *order)
        rows = await rows_in(database)
        assert rows_on(log) == rows
        ends.append({place: row.standing for place, row in rows.items()})
        await database.close()
    assert ends[0] == ends[1]
