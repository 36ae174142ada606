"""What goes and what stays: age, size, compaction."""

import time
from pathlib import Path

import pytest

from broker.embedded import EmbeddedLog, retention
from broker.embedded.rows import SIZE
from broker.log import Bounds, LogState, Partition, TopicSpec
from broker.settings import EmbeddedSettings
from hookline.topics import wanted_topics
from schemas.topics import CONSENT
from tests.support.embedded import opened
from tests.support.logs import PATIENCE, collect, read_all, record, until

NOW = 1_767_225_600.0
NOW_MS = int(NOW * 1000)
DAY_MS = 24 * 60 * 60 * 1000
T0 = Partition("t", 0)


def clock_at(*, days: float = 0) -> float:
    """Return the time so many days after the test's beginning."""
    return NOW + days * 86_400


async def with_topic(log: EmbeddedLog, spec: TopicSpec) -> None:
    """Make a topic."""
    await log.apply_topics(await log.plan_topics([spec]))


async def test_old_records_go_and_young_ones_stay(tmp_path: Path) -> None:
    """Age is counted from the record's timestamp to the clock."""
    async with opened(tmp_path / "log.db", clock=lambda: NOW) as log:
        await with_topic(log, TopicSpec("t", 1, retention_ms=DAY_MS))
        ages = [3 * DAY_MS, 2 * DAY_MS, DAY_MS, 0]
        await log.append([record("t", timestamp=NOW_MS - age) for age in ages], PATIENCE)
        assert await log.enforce_retention() == 2
        assert [stored.offset for stored in await read_all(log, "t")] == [2, 3]
        assert await log.bounds(T0) == Bounds(2, 4)


async def test_without_a_limit_nothing_goes(tmp_path: Path) -> None:
    """None keeps for ever."""
    async with opened(tmp_path / "log.db", clock=lambda: NOW) as log:
        await with_topic(log, TopicSpec("t", 1))
        await log.append([record("t", timestamp=1)], PATIENCE)
        assert await log.enforce_retention() == 0
        assert len(await read_all(log, "t")) == 1


async def test_offsets_are_not_used_again(tmp_path: Path) -> None:
    """A partition that retention emptied goes on counting, after a restart too."""
    path = tmp_path / "log.db"
    async with opened(path, clock=lambda: NOW) as log:
        await with_topic(log, TopicSpec("t", 1, retention_ms=DAY_MS))
        await log.append([record("t", timestamp=1) for _ in range(3)], PATIENCE)
        await log.enforce_retention()
        assert await log.bounds(T0) == Bounds(3, 3)
    async with opened(path) as log:
        (place,) = await log.append([record("t")], PATIENCE)
        assert place.offset == 3


async def test_an_old_record_behind_a_young_one_waits_for_it(tmp_path: Path) -> None:
    """What was spooled comes late with its own time; only the oldest end of a partition is cut."""
    async with opened(tmp_path / "log.db", clock=lambda: NOW) as log:
        await with_topic(log, TopicSpec("t", 1, retention_ms=DAY_MS))
        await log.append([record("t", timestamp=NOW_MS), record("t", timestamp=1)], PATIENCE)
        assert await log.enforce_retention() == 0
        assert len(await read_all(log, "t")) == 2


@pytest.mark.parametrize("ahead", [1, retention.PASS_RECORDS + 3])
async def test_a_clock_that_was_ahead_for_a_moment_keeps_nothing_for_ever(tmp_path: Path, ahead: int) -> None:
    """Records stamped a year ahead go with the old ones around them, and what is young stays."""
    now = NOW
    async with opened(tmp_path / "log.db", clock=lambda: now) as log:
        await with_topic(log, TopicSpec("t", 1, retention_ms=DAY_MS))
        times = [NOW_MS, *[NOW_MS + 365 * DAY_MS] * ahead, NOW_MS + 1, NOW_MS + 3 * DAY_MS]
        await log.append([record("t", timestamp=ms) for ms in times], PATIENCE)
        now = clock_at(days=3)
        assert await log.enforce_retention() == ahead + 2
        assert [stored.offset for stored in await read_all(log, "t")] == [ahead + 2]


async def test_a_partition_over_its_size_loses_the_oldest(tmp_path: Path) -> None:
    """`retention_bytes` counts each partition for itself."""
    async with opened(tmp_path / "log.db", clock=lambda: NOW) as log:
        await with_topic(log, TopicSpec("t", 2, retention_bytes=3500))
        for number in (0, 1):
            await log.append([record("t", bytes(997), partition=number) for _ in range(3 + 2 * number)], PATIENCE)
        await log.enforce_retention()
        found = [(stored.partition, stored.offset) for stored in await read_all(log, "t")]
        assert found == [(0, 0), (0, 1), (0, 2), (1, 2), (1, 3), (1, 4)]


async def test_the_setting_bounds_every_partition(tmp_path: Path) -> None:
    """`max_bytes` holds where the topic itself has no limit."""
    async with opened(tmp_path / "log.db", limits=EmbeddedSettings(max_bytes=10_000)) as log:
        await with_topic(log, TopicSpec("t", 1))
        await log.append([record("t", bytes(997)) for _ in range(25)], PATIENCE)
        await log.enforce_retention()
        assert await log.bounds(T0) == Bounds(15, 25)


async def test_more_than_a_pass_is_done(tmp_path: Path) -> None:
    """Passes are bounded, the work is not."""
    count = retention.PASS_RECORDS * 2 + 7
    async with opened(tmp_path / "log.db", clock=lambda: NOW) as log:
        await with_topic(log, TopicSpec("t", 1, retention_ms=DAY_MS))
        await log.append([record("t", timestamp=1) for _ in range(count)], PATIENCE)
        before = log.transactions
        assert await log.enforce_retention() == count
        assert log.transactions - before >= 3


async def test_a_member_goes_on_at_the_oldest_that_is_left(tmp_path: Path) -> None:
    """A group that retention has overtaken skips what is gone."""
    now = NOW
    async with opened(tmp_path / "log.db", clock=lambda: now) as log:
        await with_topic(log, TopicSpec("t", 1, retention_ms=DAY_MS))
        await log.append([record("t", timestamp=NOW_MS) for _ in range(3)], PATIENCE)
        member = await log.subscribe("g", ["t"])
        await collect(member, 1)
        now = clock_at(days=2)
        await log.enforce_retention()
        await log.append([record("t", b"young", timestamp=NOW_MS + 2 * DAY_MS)], PATIENCE)
        (stored,) = await collect(member, 1)
        assert (stored.offset, stored.value) == (3, b"young")


async def test_offset_at_ignores_times_of_records_that_are_gone(tmp_path: Path) -> None:
    """A large time that retention took does not make a later record count as late."""
    async with opened(tmp_path / "log.db", clock=lambda: NOW) as log:
        await with_topic(log, TopicSpec("t", 1, retention_bytes=2500))
        await log.append([record("t", bytes(997), timestamp=ms) for ms in (100, 50, 60)], PATIENCE)
        await log.enforce_retention()
        assert await log.bounds(T0) == Bounds(1, 3)
        assert await log.offset_at(T0, 55) == 2
        assert await log.offset_at(T0, 80) == 3


async def test_compaction_keeps_the_last_of_each_key(tmp_path: Path) -> None:
    """Earlier records of a key go; offsets of the rest stay as they were."""
    async with opened(tmp_path / "log.db", clock=lambda: NOW) as log:
        await with_topic(log, TopicSpec("t", 1, compacted=True))
        keys = [b"a", b"b", b"a", None, b"c", b"b", b"", b""]
        await log.append([record("t", b"%d" % n, key=key) for n, key in enumerate(keys)], PATIENCE)
        await log.enforce_retention()
        found = [(stored.offset, stored.key, stored.value) for stored in await read_all(log, "t")]
        kept = [(2, b"a"), (3, None), (4, b"c"), (5, b"b"), (7, b"")]
        assert found == [(offset, key, b"%d" % offset) for offset, key in kept]


async def test_compaction_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """A key that comes again after a pass is compacted by the next one, and idle upkeep does nothing."""
    async with opened(tmp_path / "log.db", clock=lambda: NOW) as log:
        await with_topic(log, TopicSpec("t", 1, compacted=True))
        for n in range(3):
            await log.append([record("t", b"%d" % n)], PATIENCE)
            await log.enforce_retention()
        assert [stored.value for stored in await read_all(log, "t")] == [b"2"]
        before = log.transactions
        assert await log.enforce_retention() == 0
        assert log.transactions == before


@pytest.mark.parametrize(("days", "kept"), [(0.9, [None]), (1.1, [])], ids=["before a day", "after a day"])
async def test_a_tombstone_stays_for_a_day(tmp_path: Path, days: float, kept: list[None]) -> None:
    """Readers get a day to see that a key is gone."""
    now = NOW
    async with opened(tmp_path / "log.db", clock=lambda: now) as log:
        await with_topic(log, TopicSpec("t", 1, compacted=True))
        await log.append([record("t", b"value"), record("t", None)], PATIENCE)
        await log.enforce_retention()
        now = clock_at(days=days)
        await log.enforce_retention()
        assert [stored.value for stored in await read_all(log, "t")] == kept


async def test_a_key_that_comes_back_outlives_its_tombstone(tmp_path: Path) -> None:
    """A value after the tombstone is the last of its key."""
    now = NOW
    async with opened(tmp_path / "log.db", clock=lambda: now) as log:
        await with_topic(log, TopicSpec("t", 1, compacted=True))
        await log.append([record("t", b"one"), record("t", None)], PATIENCE)
        await log.enforce_retention()
        await log.append([record("t", b"two")], PATIENCE)
        now = clock_at(days=2)
        await log.enforce_retention()
        assert [stored.value for stored in await read_all(log, "t")] == [b"two"]


async def test_the_setting_does_not_cut_a_compacted_topic(tmp_path: Path) -> None:
    """What holds the present state of each key is bounded by its keys."""
    async with opened(tmp_path / "log.db", limits=EmbeddedSettings(max_bytes=1000)) as log:
        await with_topic(log, TopicSpec("t", 1, compacted=True))
        await log.append([record("t", bytes(500), key=b"%d" % n) for n in range(5)], PATIENCE)
        await log.enforce_retention()
        assert len(await read_all(log, "t")) == 5


async def test_the_setting_takes_no_consent(tmp_path: Path) -> None:
    """With our own topics, whatever their size, the current consent of every number stays."""
    async with opened(tmp_path / "log.db", limits=EmbeddedSettings(max_bytes=1000)) as log:
        await log.apply_topics(await log.plan_topics(wanted_topics()))
        keys = {b"main|all|%d" % n for n in range(20)}
        await log.append([record(CONSENT.name, bytes(500), key=key, partition=0) for key in sorted(keys)], PATIENCE)
        await log.enforce_retention()
        assert {stored.key for stored in await read_all(log, CONSENT.name)} == keys


async def test_a_compacted_topic_with_an_age_loses_old_keys(tmp_path: Path) -> None:
    """Compacted and kept 90 days: a key that was not touched for as long goes, and may come again."""
    now = NOW
    async with opened(tmp_path / "log.db", clock=lambda: now) as log:
        await with_topic(log, TopicSpec("t", 1, retention_ms=90 * DAY_MS, compacted=True))
        await log.append([record("t", b"old", timestamp=NOW_MS)], PATIENCE)
        await log.enforce_retention()
        now = clock_at(days=91)
        await log.enforce_retention()
        assert await read_all(log, "t") == []
        await log.append([record("t", b"new", timestamp=NOW_MS + 91 * DAY_MS)], PATIENCE)
        await log.enforce_retention()
        assert [stored.value for stored in await read_all(log, "t")] == [b"new"]


async def test_the_bytes_of_a_partition_are_counted_exactly(tmp_path: Path) -> None:
    """After appends, compaction and retention the count is that of the rows, so that size limits stay true."""
    async with opened(tmp_path / "log.db", clock=lambda: NOW) as log:
        await with_topic(log, TopicSpec("t", 2, retention_ms=DAY_MS, compacted=True))
        for n in range(60):
            value = bytes(n * 7 % 50) if n % 5 else None
            stamp = NOW_MS - (60 - n) * DAY_MS // 40
            await log.append(
                [record("t", value, key=b"%d" % (n % 9), headers=(("h", b"x"),), timestamp=stamp)], PATIENCE
            )
        assert await log.enforce_retention() > 0
        counted = await log._reader.submit(
            lambda c: c.execute("SELECT id, bytes FROM partitions ORDER BY id").fetchall(), PATIENCE
        )
        actual = await log._reader.submit(
            lambda c: c.execute(
                f"SELECT p.id, coalesce(sum({SIZE}), 0) FROM partitions p "  # noqa: S608 - a constant
                "LEFT JOIN records r ON r.id >> 40 = p.id GROUP BY p.id ORDER BY p.id"
            ).fetchall(),
            PATIENCE,
        )
        # An outer join's empty row counts as nothing.
        assert counted == actual


async def test_the_ingesting_process_does_the_upkeep(tmp_path: Path) -> None:
    """Nobody has to call for it."""
    path = tmp_path / "log.db"
    async with opened(path) as log:
        await with_topic(log, TopicSpec("t", 1, retention_ms=DAY_MS))
        await log.append([record("t", timestamp=1)], PATIENCE)
    async with opened(path, ingesting=True, clock=time.time) as log:
        assert log.state is LogState.HEALTHY

        async def is_empty() -> bool:
            return await log.bounds(T0) == Bounds(1, 1)

        await until(is_empty)
