"""Members of a group on the embedded log: leases, loss, fairness."""

import asyncio
import functools
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from broker.embedded import groups
from broker.embedded.groups import Lease
from broker.embedded.lease import Observer
from broker.log import FencedError, LogUnavailableError, Partition
from broker.settings import EmbeddedSettings
from tests.support.embedded import opened
from tests.support.logs import PATIENCE, collect, make_topic, record, until

QUICK = EmbeddedSettings(session_timeout=0.6)
A1, A2 = Lease("a", 1, 10.0), Lease("a", 2, 10.0)


def test_a_lease_that_beats_is_never_stale() -> None:
    """Each new beat starts the time again."""
    observer = Observer()
    assert observer.look({"t": A1}, 0.0) == {}
    assert observer.look({"t": A2}, 9.0) == {}
    assert observer.look({"t": A2}, 18.0) == {}


def test_a_lease_that_is_silent_for_the_timeout_is_stale() -> None:
    """The same beat for a whole session timeout of the observer's own clock."""
    observer = Observer()
    observer.look({"t": A1}, 100.0)
    assert observer.look({"t": A1}, 109.9) == {}
    assert observer.look({"t": A1}, 110.0) == {"t": A1}


def test_a_lease_that_went_and_came_back_is_new() -> None:
    """Time between two sightings does not count when the lease was free meanwhile."""
    observer = Observer()
    observer.look({"t": A1}, 0.0)
    observer.look({}, 5.0)
    assert observer.look({"t": A1}, 11.0) == {}


async def test_the_second_member_stands_by(tmp_path: Path) -> None:
    """It has no assignment and gets nothing."""
    async with opened(tmp_path / "log.db") as log:
        topic = await make_topic(log)
        await log.append([record(topic)], PATIENCE)
        first, second = await log.subscribe("g", [topic]), await log.subscribe("g", [topic])
        assert first.assignment == {Partition(topic, 0)}
        assert second.assignment == frozenset()
        assert await second.poll(1, 0.2) == []


async def test_standing_by_is_told_once_with_its_reason(tmp_path: Path) -> None:
    """After a kill it looks as if nobody consumed."""
    async with opened(tmp_path / "log.db", limits=QUICK) as log:
        topic = await make_topic(log)
        first = await log.subscribe("g", [topic])
        with structlog.testing.capture_logs() as lines:
            second = await log.subscribe("g", [topic])
            assert await second.poll(1, 0.5) == []
            await first.close()
            await until(lambda: second.assignment == {Partition(topic, 0)})
        (line,) = [line for line in lines if line["event"] == "standing_by"]
        assert (line["group"], line["seconds"]) == ("g", 0.6)
        assert "another member has the place" in line["reason"]


async def test_members_of_a_group_with_other_topics_are_both_active(tmp_path: Path) -> None:
    """A lease is for a topic, as on Kafka."""
    async with opened(tmp_path / "log.db") as log:
        one, two = await make_topic(log), await make_topic(log)
        members = [await log.subscribe("g", [one]), await log.subscribe("g", [two])]
        assert [member.assignment for member in members] == [{Partition(one, 0)}, {Partition(two, 0)}]


async def test_a_member_that_overlaps_in_part_stands_by_as_a_whole(tmp_path: Path) -> None:
    """All its topics or none, so that two members never wait for each other."""
    async with opened(tmp_path / "log.db") as log:
        one, two = await make_topic(log), await make_topic(log)
        first = await log.subscribe("g", [one])
        second = await log.subscribe("g", [one, two])
        assert second.assignment == frozenset()
        await first.close()
        await until(lambda: second.assignment == {Partition(one, 0), Partition(two, 0)})


async def test_a_live_member_keeps_its_place(tmp_path: Path) -> None:
    """Over several session timeouts the one that beats stays, and the other stands by."""
    steady = EmbeddedSettings(session_timeout=1.5)
    async with opened(tmp_path / "log.db", limits=steady) as log:
        topic = await make_topic(log)
        first, second = await log.subscribe("g", [topic]), await log.subscribe("g", [topic])
        assert await second.poll(1, steady.session_timeout * 2.5) == []
        assert (len(first.assignment), len(second.assignment)) == (1, 0)


async def test_a_member_with_a_shorter_timeout_waits_for_that_of_the_holder(tmp_path: Path) -> None:
    """Processes may be set up differently: while the holder may count its lease as its own, nobody takes it."""
    path = tmp_path / "log.db"
    slow = EmbeddedSettings(session_timeout=6.0)
    async with opened(path, limits=slow) as log, opened(path, limits=QUICK) as other:
        topic = await make_topic(log)
        first, second = await log.subscribe("g", [topic]), await other.subscribe("g", [topic])
        assert await second.poll(1, QUICK.session_timeout * 3) == []
        assert first._keeper.is_held
        assert second.assignment == frozenset()


async def test_a_join_that_was_given_up_leaves_no_lease(tmp_path: Path) -> None:
    """Cancelled while the writer takes the lease: the next member does not wait for a session timeout."""
    async with opened(tmp_path / "log.db") as log:
        topic = await make_topic(log)
        taking, go_on = threading.Event(), threading.Event()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("broker.embedded.lease.groups.take", functools.partial(_slowly, groups.take, taking, go_on))
            joining = asyncio.create_task(log.subscribe("g", [topic]))
            await until(taking.is_set)
        joining.cancel()
        go_on.set()
        await asyncio.wait([joining])
        assert joining.cancelled()
        member = await log.subscribe("g", [topic])
        assert member.assignment == {Partition(topic, 0)}


def _slowly(
    take: Callable[..., dict[Partition, int] | None],
    taking: threading.Event,
    go_on: threading.Event,
    *args: Any,
    **named: Any,
) -> dict[Partition, int] | None:
    taking.set()
    go_on.wait(PATIENCE)
    return take(*args, **named)


async def test_a_commit_without_the_lease_is_fenced(tmp_path: Path) -> None:
    """One that stands by cannot commit, and what the holder committed stays."""
    async with opened(tmp_path / "log.db") as log:
        topic = await make_topic(log)
        await log.append([record(topic)], PATIENCE)
        first, second = await log.subscribe("g", [topic]), await log.subscribe("g", [topic])
        await first.commit({Partition(topic, 0): 1})
        with pytest.raises(FencedError):
            await second.commit({Partition(topic, 0): 0})
        assert await log.committed("g", Partition(topic, 0)) == 1


async def test_a_commit_after_close_is_fenced(tmp_path: Path) -> None:
    """Who has left does not commit."""
    async with opened(tmp_path / "log.db") as log:
        topic = await make_topic(log)
        member = await log.subscribe("g", [topic])
        await member.close()
        with pytest.raises(FencedError):
            await member.commit({Partition(topic, 0): 0})


async def test_a_commit_outside_of_the_topics_is_fenced_whole(tmp_path: Path) -> None:
    """A commit that names one partition too many stores nothing."""
    async with opened(tmp_path / "log.db") as log:
        one, two = await make_topic(log), await make_topic(log)
        member = await log.subscribe("g", [one])
        with pytest.raises(FencedError):
            await member.commit({Partition(one, 0): 0, Partition(two, 0): 0})
        assert await log.committed("g", Partition(one, 0)) is None


async def test_a_member_whose_lease_was_taken_tells_its_owner(tmp_path: Path) -> None:
    """`on_revoked` gets the partitions before the assignment is empty."""
    told: list[tuple[frozenset[Partition], frozenset[Partition]]] = []
    async with opened(tmp_path / "log.db", limits=QUICK) as log:
        topic = await make_topic(log)

        async def on_revoked(partitions: frozenset[Partition]) -> None:
            told.append((partitions, member.assignment))

        member = await log.subscribe("g", [topic], on_revoked)
        await log._writer.submit(
            lambda s: s.connection.execute("UPDATE leases SET member = 'thief'").rowcount, PATIENCE
        )
        await until(lambda: member.assignment == frozenset())
        assert told == [(frozenset({Partition(topic, 0)}), frozenset({Partition(topic, 0)}))]
        with pytest.raises(FencedError):
            await member.commit({Partition(topic, 0): 0})


async def test_a_thief_that_is_silent_loses_the_lease_again(tmp_path: Path) -> None:
    """The member that lost goes back to standing by, takes over, and reads from the commit."""
    async with opened(tmp_path / "log.db", limits=QUICK) as log:
        topic = await make_topic(log)
        await log.append([record(topic, b"%d" % n) for n in range(2)], PATIENCE)
        member = await log.subscribe("g", [topic])
        await collect(member, 2)
        await member.commit({Partition(topic, 0): 1})
        await log._writer.submit(
            lambda s: s.connection.execute("UPDATE leases SET member = 'thief'").rowcount, PATIENCE
        )
        assert [stored.value for stored in await collect(member, 1)] == [b"1"]


async def test_a_callback_that_fails_does_not_end_the_member(tmp_path: Path) -> None:
    """Whatever `on_revoked` does, the member stands by afterwards."""

    async def on_revoked(_: frozenset[Partition]) -> None:
        raise RuntimeError

    async with opened(tmp_path / "log.db", limits=QUICK) as log:
        topic = await make_topic(log)
        await log.append([record(topic)], PATIENCE)
        member = await log.subscribe("g", [topic], on_revoked)
        await collect(member, 1)
        await log._writer.submit(
            lambda s: s.connection.execute("UPDATE leases SET member = 'thief'").rowcount, PATIENCE
        )
        assert len(await collect(member, 1)) == 1


async def test_a_member_may_be_closed_inside_the_callback(tmp_path: Path) -> None:
    """An owner that wants no more closes right there, and nothing waits for itself."""
    async with opened(tmp_path / "log.db", limits=QUICK) as log:
        topic = await make_topic(log)

        async def on_revoked(_: frozenset[Partition]) -> None:
            await member.close()

        member = await log.subscribe("g", [topic], on_revoked)
        await log._writer.submit(
            lambda s: s.connection.execute("UPDATE leases SET member = 'thief'").rowcount, PATIENCE
        )
        await until(lambda: member._keeper._task is not None and member._keeper._task.done())
        assert member.assignment == frozenset()


async def test_a_holder_that_cannot_beat_stops_reading(tmp_path: Path) -> None:
    """With the store locked for a whole session timeout the place counts as lost, before another can have it."""
    path = tmp_path / "log.db"
    async with opened(path, limits=QUICK) as log, opened(path) as other:
        topic = await make_topic(log)
        await log.append([record(topic)], PATIENCE)
        member = await log.subscribe("g", [topic])
        assert len(await collect(member, 1)) == 1
        member.seek(Partition(topic, 0), 0)
        release = asyncio.Event()
        loop = asyncio.get_running_loop()
        holding = asyncio.create_task(
            other._writer.submit(lambda _: asyncio.run_coroutine_threadsafe(release.wait(), loop).result(20), PATIENCE)
        )
        await until(lambda: not member._keeper.is_held)
        assert await member.poll(1, 0) == []
        release.set()
        await holding
        assert len(await collect(member, 1)) == 1


async def test_every_partition_gets_its_turn(tmp_path: Path) -> None:
    """One partition with a long queue does not keep the others waiting."""
    async with opened(tmp_path / "log.db") as log:
        topic = await make_topic(log, partitions=3)
        await log.append([record(topic, partition=0) for _ in range(300)], PATIENCE)
        await log.append([record(topic, partition=n) for n in (1, 2) for _ in range(5)], PATIENCE)
        member = await log.subscribe("g", [topic])
        seen = Counter(stored.partition for stored in await member.poll(15, PATIENCE))
        assert seen == {0: 5, 1: 5, 2: 5}
        singles = {(await member.poll(1, PATIENCE))[0].partition for _ in range(3)}
        assert singles == {0}


async def test_small_polls_go_round(tmp_path: Path) -> None:
    """Polls of one record take the partitions in turn."""
    async with opened(tmp_path / "log.db") as log:
        topic = await make_topic(log, partitions=3)
        await log.append([record(topic, partition=n % 3) for n in range(30)], PATIENCE)
        member = await log.subscribe("g", [topic])
        assert {(await member.poll(1, PATIENCE))[0].partition for _ in range(3)} == {0, 1, 2}


async def test_a_topic_that_comes_later_is_read(tmp_path: Path) -> None:
    """A member may subscribe before the first append makes the topic."""
    async with opened(tmp_path / "log.db") as log:
        member = await log.subscribe("g", ["later"])
        assert member.assignment == frozenset()
        await log.append([record("later", b"first")], PATIENCE)
        assert [stored.value for stored in await collect(member, 1)] == [b"first"]
        assert len(member.assignment) == 12


async def test_a_seek_elsewhere_does_nothing(tmp_path: Path) -> None:
    """A partition outside of the assignment is not taken in by a seek."""
    async with opened(tmp_path / "log.db") as log:
        topic = await make_topic(log)
        member = await log.subscribe("g", [topic])
        member.seek(Partition("elsewhere", 0), 5)
        assert member.assignment == {Partition(topic, 0)}


async def test_a_poll_of_a_closed_member_is_unavailable(tmp_path: Path) -> None:
    """Closing wakes a poll and ends it."""
    async with opened(tmp_path / "log.db") as log:
        member = await log.subscribe("g", [await make_topic(log)])
        waiting = asyncio.create_task(member.poll(1, 60))
        await asyncio.sleep(0)
        await member.close()
        with pytest.raises(LogUnavailableError):
            await waiting


async def test_a_large_backlog_comes_in_bounded_polls(tmp_path: Path) -> None:
    """A poll holds a bounded number of bytes however many records were asked for."""
    async with opened(tmp_path / "log.db") as log:
        topic = await make_topic(log)
        for _ in range(3):
            await log.append([record(topic, bytes(1_000_000)) for _ in range(6)], PATIENCE)
        member = await log.subscribe("g", [topic])
        assert len(await member.poll(1000, PATIENCE)) < 12
        assert len(await collect(member, 5)) == 5
