"""Track: one state for each message and recipient, in the table and on the compacted topic alike."""

import asyncio
import itertools
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from unittest import mock

import pytest
from sqlalchemy import Connection, delete

from broker.log import LogUnavailableError, Position
from consumers.consumer import TryLater
from consumers.state.database import Database
from consumers.state.schema import messages
from consumers.track import table
from consumers.track.consumer import track
from consumers.track.places import Place, sighting_of
from consumers.track.states import StateRow
from consumers.track.unfinished import Mark, Span, open_rows
from schemas.events import Event
from schemas.records import Record
from schemas.topics import STATES
from tests.support.consumed_log import MemoryLog
from tests.support.consumers import Bench, inbound, until
from tests.support.tracking import (
    NOW,
    OTHER,
    PERSON,
    news,
    rows_in,
    rows_on,
    sighted,
    statuses,
    taken,
    told,
    tracker_of,
)

LIFE = (news("queued", 0), news("sent", 1), news("delivered", 2), news("read", 3), news("failed", 4, to=OTHER))


async def test_one_state_for_each_message_and_recipient(database: Database) -> None:
    """Table and topic say the same of it."""
    log = MemoryLog()
    tracker = tracker_of(database, log)
    for event in (*LIFE, news("sent", 1, message="m2")):
        await tracker.handle(told(event))
    rows = await rows_in(database)
    assert statuses(rows) == {("m1", PERSON): "read", ("m1", OTHER): "failed", ("m2", PERSON): "sent"}
    assert rows_on(log) == rows


async def test_every_order_ends_in_one_state_in_table_and_topic(database: Database) -> None:
    """All permutations of a life, each of another message, with a duplicate at its end."""
    log = MemoryLog()
    tracker = tracker_of(database, log)
    orders = list(itertools.permutations((("queued", 0), ("sent", 1), ("delivered", 2), ("read", 3))))
    for number, order in enumerate(orders):
        life = [news(status, at, message=f"m{number}") for status, at in order]
        for event in (*life, life[0]):
            await tracker.handle(told(event))
    rows = await rows_in(database)
    assert statuses(rows) == {(f"m{number}", PERSON): "read" for number in range(len(orders))}
    assert rows_on(log) == rows


async def test_news_without_a_recipient_have_a_state_of_their_own(database: Database) -> None:
    """It counts for every recipient when it is read; each row depends on its own news alone."""
    tracker = tracker_of(database, MemoryLog())
    for event in (news("delivered", 2, to=None), news("sent", 1)):
        await tracker.handle(told(event))
    assert statuses(await rows_in(database)) == {("m1", ""): "delivered", ("m1", PERSON): "sent"}


async def test_a_row_that_was_erased_meanwhile_gets_a_tombstone(database: Database) -> None:
    """Else the topic would keep a person whom the table has forgotten."""
    log = MemoryLog()
    append = log.append

    async def erased(records: Sequence[Record], wait: float) -> Sequence[Position]:
        await database.run(lambda connection: connection.execute(delete(messages)))
        return await append(records, wait)

    with mock.patch.object(log, "append", erased):
        await tracker_of(database, log).handle(told(news("sent", 1)))
    assert [record.value is None for record in log.on(STATES.name)] == [False, True]
    assert len({record.key for record in log.on(STATES.name)}) == 1


async def test_an_event_that_two_members_note_at_once_is_known_to_the_second(state_url: str) -> None:
    """It waits for the first, which may die before it publishes."""
    sighting = sighted(news("delivered", 2))
    assert sighting is not None
    first, second = Database(state_url), Database(state_url)
    await first.open()
    await second.open()
    noted, go = threading.Event(), threading.Event()

    def slowly(connection: Connection) -> table.Noted:
        found = table.note(connection, [sighting])
        noted.set()
        go.wait(10)
        return found

    leading = asyncio.create_task(first.run(slowly))
    await asyncio.to_thread(noted.wait, 10)
    following = asyncio.create_task(second.run(lambda connection: table.note(connection, [sighting])))
    asyncio.get_running_loop().call_later(0.3, go.set)
    found = await following
    assert found.repeated == {sighting.note.key}
    assert found.to_publish.keys() == (await leading).to_publish.keys()
    await first.close()
    await second.close()


async def test_a_row_that_goes_between_look_and_lock_is_made_anew(database: Database) -> None:
    """Tidying or an erase may take it; on PostgreSQL nobody is kept out in between."""
    look = table.rows_of

    def taken_away(connection: Connection, places: Iterable[Place], *, lock: bool = False) -> Mapping[Place, StateRow]:
        found = look(connection, places, lock=lock)
        if not lock:
            connection.execute(delete(messages))
        return found

    tracker = tracker_of(database, MemoryLog())
    await tracker.handle(told(news("sent", 1)))
    with mock.patch.object(table, "rows_of", taken_away):
        sighting = sighted(news("delivered", 2))
        assert sighting is not None
        noted = await database.run(lambda connection: table.note(connection, [sighting]))
    assert [row.standing.status for row in noted.to_publish.values()] == ["delivered"]


async def test_a_command_may_spell_the_number_otherwise(database: Database) -> None:
    """The result and the reports are about one recipient."""
    tracker = tracker_of(database, MemoryLog())
    for event in (taken(to=PERSON.removeprefix("+")), news("delivered", 2)):
        await tracker.handle(told(event))
    assert statuses(await rows_in(database)) == {("m1", PERSON): "delivered"}


async def test_a_late_event_changes_nothing_and_writes_nothing(database: Database) -> None:
    """The compacted topic gets a record for a change alone."""
    log = MemoryLog()
    tracker = tracker_of(database, log)
    await tracker.handle(told(news("delivered", 2)))
    written = _written(log)
    await tracker.handle(told(news("sent", 1)))
    assert _written(log) == written == 1


async def test_an_event_that_comes_again_writes_the_row_as_it_is(database: Database) -> None:
    """Whoever noted it first may have died before the topic had it."""
    log = MemoryLog()
    tracker = tracker_of(database, log)
    for event in (news("sent", 1), news("delivered", 2), news("sent", 1)):
        await tracker.handle(told(event))
    assert _written(log) == 3
    assert rows_on(log) == await rows_in(database)


@pytest.mark.parametrize("batches", [1, 2])
async def test_what_came_by_push_and_by_poll_is_noted_as_it_came_first(database: Database, batches: int) -> None:
    """In one batch as in two: a rebuild gives the same line."""
    tracker = tracker_of(database, MemoryLog())
    both = [sighting_of(each.event, each.envelope) for each in (told(news("sent")), told(news("sent"), ingress="poll"))]
    found = [each for each in both if each is not None]
    for some in (found,) if batches == 1 else (found[:1], found[1:]):
        await tracker.take(some)
    noted = await database.run(lambda connection: table.events_of(connection, ["m1"]))
    assert [each.ingress for each in noted] == ["push"]


async def test_of_the_same_event_with_another_time_the_later_counts(database: Database) -> None:
    """A push has the envelope's time, its poll the message's: one id, and one state in either order."""
    push, poll = news("delivered", 2), news("delivered", 2, occurred_at=None)
    for number, order in enumerate(((push, poll), (poll, push))):
        tracker = tracker_of(database, MemoryLog())
        for event in order:
            await tracker.handle(told(_of(event, f"m{number}")))
    rows = {place.message_id: row.standing for place, row in (await rows_in(database)).items()}
    assert rows["m0"] == rows["m1"]
    assert rows["m0"].moment == int(NOW.timestamp() * 1000) + 2000


def _of(event: Event, message: str) -> Event:
    return news("delivered", 2, message=message, occurred_at=event.occurred_at)


async def test_a_result_opens_the_state_of_a_message(database: Database) -> None:
    """So a message whose reports never come is known, and can be asked about."""
    tracker = tracker_of(database, MemoryLog())
    await tracker.handle(told(taken()))
    assert await _open(database) == [("m1", PERSON)]


async def test_what_is_final_is_not_open(database: Database) -> None:
    """Nor is a request whose message has told of itself: that one is."""
    tracker = tracker_of(database, MemoryLog())
    for event in (
        news("delivered", message="done"),
        taken("r1"),
        news("sent", message="m9", request_id="r1"),
        news("unconfirmed", 5, message="m5"),
    ):
        await tracker.handle(told(event))
    assert await _open(database) == [("m9", PERSON), ("m5", PERSON)]


async def _open(database: Database) -> list[tuple[str, str]]:
    """Return messages and recipients, met in steps of one."""
    found: list[tuple[str, str]] = []
    mark = Mark(0)
    while True:
        look = partial(open_rows, account="main", span=Span(since_ms=0, before_ms=1 << 50), after=mark, limit=1)
        marks = await database.run(look)
        if not marks:
            return found
        (mark,) = marks
        found.append((mark.message_id, mark.recipient))


async def test_a_log_that_is_away_leaves_the_event_undone(database: Database) -> None:
    """It comes again, and then the topic has its state."""
    log = MemoryLog()
    tracker = tracker_of(database, log)
    log.away = True
    with pytest.raises(LogUnavailableError):
        await tracker.handle(told(news("sent", 1)))
    log.away = False
    await tracker.handle(told(news("sent", 1)))
    assert rows_on(log) == await rows_in(database) != {}


async def test_a_state_that_is_away_asks_for_later(database: Database) -> None:
    """No try of the event is used up."""
    tracker = tracker_of(database, MemoryLog())
    await database.close()
    with pytest.raises(TryLater):
        await tracker.handle(told(news("sent", 1)))


async def test_a_message_that_a_person_wrote_has_no_state(database: Database) -> None:
    """Nor has a report that names no message."""
    tracker = tracker_of(database, MemoryLog())
    for event in (inbound(), news("sent", 1, message=None)):
        await tracker.handle(told(event))
    assert await rows_in(database) == {}


async def test_events_of_many_messages_are_noted_together(bench: Bench, database: Database) -> None:
    """In one loop, on the topic: fewer transactions than events, and every state right."""
    calls: list[int] = []
    tracker = tracker_of(database, bench.log)
    take = tracker.take

    async def counted(sightings: object) -> object:
        calls.append(1)
        return await take(sightings)  # type: ignore[arg-type]

    tracker._batcher._work = counted  # type: ignore[assignment]
    bench.fill(*(news(status, at, message=f"m{n}") for n in range(200) for at, status in enumerate(("sent", "read"))))
    bench.run(track(tracker))
    # A member that had to join anew on a slow machine handles some twice: all are done when all are committed.
    await until(lambda: sum(bench.log.offsets.values()) == 400)
    assert len(calls) < 100
    rows = await rows_in(database)
    assert set(statuses(rows).values()) == {"read"}
    assert rows_on(bench.log) == rows


def _written(log: MemoryLog) -> int:
    return sum(len(records) for partition, records in log.records.items() if partition.topic == STATES.name)


async def test_two_trackers_side_by_side_agree_with_the_topic(database: Database) -> None:
    """Two members may have one message for a moment: the last of them to write looks at the table again."""
    log = MemoryLog()
    one, other = tracker_of(database, log), tracker_of(database, log)
    events = [news(status, at, message=f"m{n}") for n in range(20) for at, status in enumerate(("sent", "read"))]
    await asyncio.gather(*(each.handle(told(event)) for event in events for each in (one, other)))
    rows = await rows_in(database)
    assert set(statuses(rows).values()) == {"read"}
    assert rows_on(log) == rows
