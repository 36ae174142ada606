"""The table out of the topics: after a rebuild both say the same."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from broker.log import Partition
from consumers.state.database import Database
from consumers.state.schema import message_events, messages
from consumers.track import rebuilding, table
from consumers.track.places import EventNote, Place, clean
from consumers.track.rebuilding import Rebuilt, rebuild_lives, rebuild_states
from consumers.track.states import StateRow, key_of, place_of, tombstone_of
from schemas.envelope import event_to_record
from schemas.events import Event
from schemas.records import Record
from schemas.topics import STATES
from tests.support.consumed_log import MemoryLog
from tests.support.consumers import with_header
from tests.support.tracking import NOW, OTHER, PERSON, news, request_news, rows_in, rows_on, taken, told, tracker_of

MINE = Place("main", "m1", PERSON)
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
    rebuilt = await rebuild_states(log, tracker_of(database, log), quiet)
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
    """What the table knows already stays, whatever older record the topic still has; the topic is told of it."""
    log = MemoryLog()
    await tracked(database, log, news("sent", 1))
    await tracked(database, MemoryLog(), news("read", 2))
    assert (await rebuild_states(log, tracker_of(database, log), quiet)).published == 1
    assert [row.standing.status for row in (await rows_in(database)).values()] == ["read"]
    assert rows_on(log) == await rows_in(database)


@pytest.mark.parametrize("apart", [0, 3])
async def test_a_late_event_that_a_lost_state_took_for_the_first_is_mended(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, apart: int
) -> None:
    """Of all records of a key the greatest counts, in one batch or in two; table, topic and first time agree again."""
    monkeypatch.setattr(rebuilding, "_BATCH", 2)
    log = MemoryLog()
    others = [news("sent", 1, message=f"other-{n}") for n in range(apart)]
    await tracked(database, log, news("queued", 1), news("read", 3), *others)
    before = await rows_in(database)
    lost = Database(f"sqlite:///{tmp_path / 'lost.db'}")
    await lost.open()
    await tracked(lost, log, news("sent", 2, received_at=NOW + timedelta(hours=1)))
    assert rows_on(log)[MINE].standing.status == "sent"
    rebuilt = await rebuild_states(log, tracker_of(lost, log), quiet)
    assert rebuilt.published == 1
    assert rows_on(log) == await rows_in(lost) == before
    await lost.close()


async def test_a_topic_that_agrees_is_left_as_it_is(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older records that compaction has not taken yet are no reason to publish."""
    monkeypatch.setattr(rebuilding, "_BATCH", 1)
    log = MemoryLog()
    await tracked(database, log, *(news(status, n) for n, status in enumerate(("queued", "sent", "delivered"))))
    before = len(log.records[Partition(STATES.name, 0)])
    assert (await rebuild_states(log, tracker_of(database, log), quiet)).published == 0
    assert len(log.records[Partition(STATES.name, 0)]) == before


async def test_of_very_many_that_differ_some_are_published_before_the_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered of them is bounded; the end is the same."""
    monkeypatch.setattr(rebuilding, "_BATCH", 1)
    monkeypatch.setattr(rebuilding, "_MOST_BEHIND", 1)
    log = MemoryLog()
    await tracked(database, log, *(news("sent", 1, message=f"m{n}") for n in range(4)))
    await tracked(database, MemoryLog(), *(news("read", 2, message=f"m{n}") for n in range(4)))
    assert (await rebuild_states(log, tracker_of(database, log), quiet)).published == 4
    assert rows_on(log) == await rows_in(database)


async def test_lives_are_filled_from_what_was_told(database: Database, tmp_path: Path) -> None:
    """From deliveries and results; the topic agrees."""
    log = MemoryLog(3)
    first = Database(f"sqlite:///{tmp_path / 'first.db'}")
    await first.open()
    await tracked(first, log, *LIFE, request_news("accepted", "r2"))
    await rebuild_states(log, tracker_of(database, log), quiet)
    rebuilt = await rebuild_lives(log, tracker_of(database, log), quiet)
    assert (rebuilt.read, rows_on(log)) == (len(LIFE) + 1, await rows_in(database))
    found = await database.run(lambda connection: table.events_of(connection, ["m1", "m2", "m3", "r2"]))
    assert {one.event_id for one in found} == {"request-accepted", *(event.id for event in LIFE)}
    assert all(isinstance(one, EventNote) for one in found)
    await first.close()


async def test_a_state_that_the_topic_has_lost_comes_back_from_what_was_told(database: Database) -> None:
    """Compaction has left the record that went back; the deliveries know better."""
    log = MemoryLog()
    await tracked(database, log, news("sent", 2))
    log.put(event_to_record(news("read", 3), webhook_id="w1"))
    await rebuild_lives(log, tracker_of(database, log), quiet)
    assert [row.standing.status for row in rows_on(log).values()] == ["read"]


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
    assert (await rebuild_states(log, tracker_of(database, log), quiet)).unreadable == 1


async def test_what_was_erased_stays_erased(database: Database) -> None:
    """By either rebuild, though the log has the older records of its key and all that was told about it."""
    log = MemoryLog(3)
    await tracked(database, log, *LIFE)
    for row in (await rows_in(database)).values():
        log.put(tombstone_of(row))
    await database.run(lambda connection: connection.execute(delete(messages)))
    await database.run(lambda connection: connection.execute(delete(message_events)))
    await rebuild_states(log, tracker_of(database, log), quiet)
    await rebuild_lives(log, tracker_of(database, log), quiet)
    assert await rows_in(database) == {}


async def test_what_was_erased_stays_erased_when_its_tombstone_is_gone(database: Database) -> None:
    """The log drops it after a day and keeps the deliveries for a month: of what has no state nothing is noted."""
    log = MemoryLog(3)
    for event in (*LIFE, request_news("accepted")):
        log.put(event_to_record(event, webhook_id="w1"))
    await tracked(database, log, news("sent", 1, message="stays"))
    await rebuild_states(log, tracker_of(database, log), quiet)
    await rebuild_lives(log, tracker_of(database, log), quiet)
    noted = await database.run(
        lambda connection: connection.execute(select(message_events.c.message_id)).scalars().all()
    )
    assert list(noted) == ["stays"]
    assert {place.message_id for place in await rows_in(database)} == {"stays"}


async def test_who_is_erased_while_the_states_are_merged_is_not_brought_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tombstone was not there yet at the first look; the others stay, and nothing is published behind it."""
    log = MemoryLog()
    await tracked(database, log, *LIFE)
    rows = await rows_in(database)
    await database.run(lambda connection: connection.execute(delete(messages)))
    tracker = tracker_of(database, log)
    merge = tracker.merge

    async def erased_first(told: Iterable[StateRow]) -> tuple[Mapping[Place, StateRow], frozenset[Place]]:
        log.put(tombstone_of(rows[MINE]))
        return await merge(told)

    monkeypatch.setattr(tracker, "merge", erased_first)
    await rebuild_states(log, tracker, quiet)
    assert await rows_in(database) == {place: row for place, row in rows.items() if place != MINE}
    assert [record.value for record in log.on(STATES.name) if record.key == key_of(MINE)][-1] is None


@given(st.text(), st.text())
def test_a_key_tells_its_place(message: str, recipient: str) -> None:
    """Also where an id has the sign that stands between."""
    place = Place("main", clean(message), clean(recipient).replace("|", ""))
    assert place_of(key_of(place)) == place


def test_what_is_no_key_is_no_place() -> None:
    """Whoever wrote it."""
    assert (place_of(b""), place_of(b"main|m1")) == (None, None)


async def test_of_two_recipients_the_erased_one_stays_erased(database: Database) -> None:
    """The message has a state, but not to that person."""
    log = MemoryLog()
    log.put(event_to_record(news("delivered", 1, to=OTHER), webhook_id="w1"))
    await tracked(database, log, news("delivered", 1))
    await rebuild_lives(log, tracker_of(database, log), quiet)
    assert [place.recipient for place in await rows_in(database)] == [PERSON]


async def test_what_came_after_an_erase_is_filled_in(database: Database) -> None:
    """The person is known again by then."""
    log = MemoryLog()
    await tracked(database, log, news("sent", 1))
    for row in (await rows_in(database)).values():
        log.put(tombstone_of(row))
    await database.run(lambda connection: connection.execute(delete(messages)))
    await tracked(database, log, news("read", 2))
    await database.run(lambda connection: connection.execute(delete(messages)))
    await rebuild_states(log, tracker_of(database, log), quiet)
    assert [row.standing.status for row in (await rows_in(database)).values()] == ["read"]


async def test_what_was_told_before_an_erase_stays_erased_when_more_is_told_after_it(database: Database) -> None:
    """The message has a state again, and its old events name the person as they did."""
    log = MemoryLog()
    await tracked(database, log, news("sent", 1))
    for row in (await rows_in(database)).values():
        log.put(tombstone_of(row))
    await database.run(lambda connection: connection.execute(delete(messages)))
    await database.run(lambda connection: connection.execute(delete(message_events)))
    await tracked(database, log, news("delivered", 2))
    await rebuild_lives(log, tracker_of(database, log), quiet)
    found = await database.run(lambda connection: table.events_of(connection, ["m1"]))
    assert [one.event_id for one in found] == ["delivered-2"]


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
