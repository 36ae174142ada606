"""Dead letters on a log: reading them with what was done, redriving, and what an end in the middle leaves."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from broker.embedded import EmbeddedLog
from broker.log import LogUnavailableError, Position
from consumers.dead_letters.dealing import BATCH_BYTES, BATCH_LETTERS, Dealer, batches
from consumers.dead_letters.letters import Letter, Resolution, marker
from consumers.dead_letters.places import Place, boxes_of
from consumers.dead_letters.reading import Stretch, letter_at, letters, stretches
from schemas.records import Record, StoredRecord
from schemas.topics import INBOUND, retry_topic
from tests.support.consumed_log import MemoryLog
from tests.support.dead_letters import DIED_AT, GROUP, LETTERS, letter
from tests.support.logs import embedded_logs, read_all

RETRIES = retry_topic(INBOUND, GROUP).name


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EmbeddedLog]:
    """Give an embedded log."""
    async with embedded_logs(tmp_path) as factory:
        yield await factory.open()


async def there(log: EmbeddedLog | MemoryLog) -> tuple[Stretch, ...]:
    """Return what there is of the group's letters."""
    return await stretches(log, boxes_of([GROUP]))


async def open_ids(log: EmbeddedLog | MemoryLog) -> list[str | None]:
    """Return the events of the open letters."""
    return [found.event_id async for found in letters(log, await there(log)) if found.dealt is None]


async def deal(log: EmbeddedLog | MemoryLog, how: Resolution = Resolution.REDRIVEN) -> int:
    """Deal with all letters."""
    found = await there(log)
    dealer = Dealer(log, how, time.time, seen={one.at: one.end for one in found})
    return sum([count async for count in dealer.deal(letters(log, found))])


def ids(records: Sequence[StoredRecord]) -> list[str | None]:
    """Return the events of records."""
    return [record.text_header("ce_id") for record in records]


def recent(count: int, **fields: str) -> list[Record]:
    """Return letters of as many people, each a moment later than the one before."""
    return [letter(n, key=f"+1555{n:07}", died_at=DIED_AT + n, **fields) for n in range(count)]


async def test_letters_come_in_the_order_in_which_they_died(log: EmbeddedLog) -> None:
    """Whatever their partition."""
    await log.append(recent(30), 5)
    assert len({found.place.partition async for found in letters(log, await there(log))}) > 1
    assert await open_ids(log) == [f"event-{n}" for n in range(30)]


async def test_redriven_letters_are_in_the_retry_topic_and_no_longer_open(log: EmbeddedLog) -> None:
    """Each once."""
    await log.append(recent(30), 5)
    assert await deal(log) == 30
    assert Counter(ids(await read_all(log, RETRIES))) == Counter({f"event-{n}": 1 for n in range(30)})
    assert await open_ids(log) == []


async def test_a_redrive_can_be_repeated(log: EmbeddedLog) -> None:
    """What is dealt with is passed over."""
    await log.append(recent(3), 5)
    await deal(log)
    assert await deal(log) == 0
    assert len(await read_all(log, RETRIES)) == 3


async def test_letters_of_one_key_are_redriven_in_their_order(log: EmbeddedLog) -> None:
    """As the handler should see them."""
    await log.append([letter(n, died_at=DIED_AT + n) for n in range(250)], 5)
    await deal(log)
    assert ids(await read_all(log, RETRIES)) == [f"event-{n}" for n in range(250)]


async def test_discarded_letters_go_nowhere_and_stay_to_be_seen(log: EmbeddedLog) -> None:
    """With what was done."""
    await log.append(recent(2), 5)
    await deal(log, Resolution.DISCARDED)
    assert await log.partitions(RETRIES) == []
    found = [each.dealt async for each in letters(log, await there(log))]
    assert [dealt and dealt.how for dealt in found] == ["discarded", "discarded"]


async def test_an_event_that_fails_again_is_a_new_letter(log: EmbeddedLog) -> None:
    """The marker is about the old one alone."""
    await log.append([letter(1)], 5)
    await deal(log)
    await log.append([letter(1, died_at=DIED_AT + 9)], 5)
    assert await open_ids(log) == ["event-1"]
    assert await deal(log) == 1


async def test_a_letter_is_found_by_its_place_with_what_was_done(log: EmbeddedLog) -> None:
    """Also where its marker stands far behind it."""
    (position,) = await log.append([letter(1)], 5)
    await log.append([letter(n) for n in range(2, 9)], 5)
    await deal(log)
    found = await letter_at(log, Place(LETTERS, position.partition.number, position.offset))
    assert found is not None
    assert found.event_id == "event-1"
    assert found.dealt is not None
    assert found.dealt.how == "redriven"


@pytest.mark.parametrize("place", [Place(LETTERS, 0, 99), Place(LETTERS, 99, 0), Place("none", 0, 0)])
async def test_a_place_without_a_letter_has_none(log: EmbeddedLog, place: Place) -> None:
    """Beyond the end, in no partition, in no such topic."""
    await log.append([letter(1)], 5)
    assert await letter_at(log, place) is None


async def test_a_marker_is_no_letter(log: EmbeddedLog) -> None:
    """Its place names nothing."""
    (position,) = await log.append([letter(1)], 5)
    await deal(log)
    assert await letter_at(log, Place(LETTERS, position.partition.number, position.offset + 1)) is None


async def test_a_group_without_topics_has_no_letters(log: EmbeddedLog) -> None:
    """Nothing is made by looking."""
    assert await stretches(log, boxes_of(["theirs"])) == ()


class Ending(MemoryLog):
    """A log at which an append may be the last: it takes so many, and then fails."""

    def __init__(self, appends: int) -> None:
        super().__init__()
        self.left = appends

    async def append(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Store while there is one left."""
        if self.left == 0:
            raise LogUnavailableError("ended")
        self.left -= 1
        return await super().append(records, wait)


@pytest.mark.parametrize(("appends", "sent"), [(0, 2), (1, 4), (2, 2)])
async def test_an_end_between_append_and_marker_redrives_again_under_the_same_ids(appends: int, sent: int) -> None:
    """None is lost; what was in hand goes out twice."""
    log = Ending(appends)
    for record in recent(2):
        log.put(record)
    if appends < 2:
        with pytest.raises(LogUnavailableError):
            await deal(log)
    log.left = 10
    await deal(log)
    redriven = ids(log.on(RETRIES))
    assert len(redriven) == sent
    assert set(redriven) == {"event-0", "event-1"}
    assert await open_ids(log) == []


async def test_what_another_has_marked_meanwhile_is_passed_over() -> None:
    """Between the reading of a letter and its turn."""
    log = MemoryLog()
    for record in recent(2):
        log.put(record)
    before = [each async for each in letters(log, await there(log))]
    log.put(marker(before[0], Resolution.DISCARDED, DIED_AT))
    dealer = Dealer(log, Resolution.REDRIVEN, time.time)
    assert [count async for count in dealer.deal(_given(before))] == [1]
    assert ids(log.on(RETRIES)) == ["event-1"]


async def test_two_at_once_do_not_go_on_side_by_side() -> None:
    """What both have in hand goes out twice; then one of them lets the other go ahead."""
    log = MemoryLog()
    for record in [letter(n) for n in range(10 * BATCH_LETTERS)]:
        log.put(record)
    await asyncio.gather(deal(log), deal(log))
    redriven = ids(log.on(RETRIES))
    assert set(redriven) == {f"event-{n}" for n in range(10 * BATCH_LETTERS)}
    assert len(redriven) <= 14 * BATCH_LETTERS
    assert await open_ids(log) == []


async def test_our_own_markers_are_not_read_again() -> None:
    """Else each batch would read what all before it wrote."""
    log = Watched()
    for record in [letter(n) for n in range(3 * BATCH_LETTERS)]:
        log.put(record)
    assert await deal(log) == 3 * BATCH_LETTERS
    assert log.reads == 2


class Watched(MemoryLog):
    """Counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def read(self, *place: object) -> AsyncIterator[StoredRecord]:
        """Count and read."""
        self.reads += 1
        return super().read(*place)  # type: ignore[arg-type]  # handed on as it came


async def test_a_rate_is_kept_by_waiting_after_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many letters a second, and no more in one batch. A batch takes no time here."""
    log = MemoryLog()
    for record in recent(25):
        log.put(record)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    dealer = Dealer(log, Resolution.REDRIVEN, time.time, rate=10, sleep=sleep)
    found = letters(log, await there(log))
    with monkeypatch.context() as patch:
        patch.setattr(asyncio.get_running_loop(), "time", lambda: 0.0)
        assert [count async for count in dealer.deal(found)] == [10, 10, 5]
    assert pauses == [1.0, 1.0, 0.5]


async def test_a_batch_is_bounded_in_bytes() -> None:
    """Raw webhooks are large."""
    log = MemoryLog()
    for record in recent(6):
        log.put(replace(record, value=b"x" * (BATCH_BYTES // 2 - 2000)))
    found = letters(log, await there(log))
    assert [len(batch) async for batch in batches(found, BATCH_LETTERS)] == [2, 2, 2]


async def _given(found: Sequence[Letter]) -> AsyncIterator[Letter]:
    for each in found:
        yield each
