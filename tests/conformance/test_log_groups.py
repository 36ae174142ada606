"""What every log promises of consumer groups: resume, takeover, fencing."""

import asyncio
import signal
import time

import pytest

from broker.log import FencedError, Log, Partition, Subscription
from tests.support.logs import (
    PATIENCE,
    LogFactory,
    collect,
    commit_past,
    is_waiting,
    make_topic,
    record,
    settle,
    unique,
    until,
)
from tests.support.member import member_process, said


async def filled(log: Log, count: int, partitions: int = 1) -> str:
    """Make a topic whose values are the numbers from 0."""
    topic = await make_topic(log, partitions=partitions)
    await log.append([record(topic, b"%d" % n, partition=n % partitions) for n in range(count)], PATIENCE)
    return topic


async def test_a_new_group_reads_from_the_oldest(log: Log) -> None:
    """A group without a committed offset starts at the first record kept."""
    topic = await filled(log, 5)
    member = await log.subscribe(unique("group"), [topic])
    assert [stored.value for stored in await collect(member, 5)] == [b"0", b"1", b"2", b"3", b"4"]


async def test_poll_gives_no_more_than_asked(log: Log) -> None:
    """`max_records` bounds a poll, and the rest comes with the next one."""
    topic = await filled(log, 5)
    member = await log.subscribe(unique("group"), [topic])
    first = await collect(member, 1)
    batch = await member.poll(3, PATIENCE)
    assert 1 <= len(batch) <= 3
    rest = await collect(member, 4 - len(batch))
    assert [stored.value for stored in [*first, *batch, *rest]] == [b"0", b"1", b"2", b"3", b"4"]


async def test_poll_of_nothing_is_empty_after_its_wait(log: Log) -> None:
    """With no new record a poll answers with nothing, after about its wait."""
    topic = await make_topic(log)
    member = await log.subscribe(unique("group"), [topic])
    await settle([member], 1)
    began = time.monotonic()
    assert await member.poll(10, 0.3) == []
    assert 0.2 < time.monotonic() - began < 5


async def test_order_holds_within_each_partition(log: Log) -> None:
    """Whatever the mix of partitions in a poll, each one's records come in order."""
    topic = await filled(log, 60, partitions=3)
    member = await log.subscribe(unique("group"), [topic])
    found = await collect(member, 60)
    for number in range(3):
        mine = [stored.offset for stored in found if stored.partition == number]
        assert mine == list(range(20))


async def test_one_member_reads_several_topics(log: Log) -> None:
    """A subscription to two topics brings the records of both."""
    one, two = await filled(log, 3), await filled(log, 2)
    member = await log.subscribe(unique("group"), [one, two])
    found = await collect(member, 5)
    assert sorted(stored.topic for stored in found) == sorted([one] * 3 + [two] * 2)


async def test_the_assignment_names_all_partitions_of_a_lone_member(log: Log) -> None:
    """Alone in its group a member reads every partition."""
    topic = await make_topic(log, partitions=3)
    member = await log.subscribe(unique("group"), [topic])
    await settle([member], 3)
    assert member.assignment == {Partition(topic, n) for n in range(3)}


async def test_a_new_member_resumes_after_the_commit(log: Log) -> None:
    """What was committed is not read again."""
    topic, group = await filled(log, 4), unique("group")
    first = await log.subscribe(group, [topic])
    batch = await collect(first, 4)
    await commit_past(first, batch[1])
    await first.close()
    second = await log.subscribe(group, [topic])
    assert [stored.value for stored in await collect(second, 2)] == [b"2", b"3"]


async def test_what_was_not_committed_is_read_again(log: Log) -> None:
    """Close commits nothing."""
    topic, group = await filled(log, 2), unique("group")
    first = await log.subscribe(group, [topic])
    await collect(first, 2)
    await first.close()
    second = await log.subscribe(group, [topic])
    assert [stored.value for stored in await collect(second, 2)] == [b"0", b"1"]


async def test_a_commit_outlives_the_process(log_factory: LogFactory) -> None:
    """Another log on the store resumes where the first one committed."""
    first_log = await log_factory.open()
    topic, group = await filled(first_log, 2), unique("group")
    member = await first_log.subscribe(group, [topic])
    await commit_past(member, (await collect(member, 1))[0])
    await member.close()
    await first_log.stop()
    second = await (await log_factory.open()).subscribe(group, [topic])
    assert [stored.value for stored in await collect(second, 1)] == [b"1"]


async def test_two_groups_are_independent(log: Log) -> None:
    """Each group gets every record."""
    topic = await filled(log, 3)
    one, two = await log.subscribe(unique("a"), [topic]), await log.subscribe(unique("b"), [topic])
    await commit_past(one, (await collect(one, 3))[-1])
    assert [stored.value for stored in await collect(two, 3)] == [b"0", b"1", b"2"]


async def test_committed_tells_the_offset_of_the_group(log: Log) -> None:
    """None before the first commit, then the next record to read."""
    topic, group = await filled(log, 3), unique("group")
    assert await log.committed(group, Partition(topic, 0)) is None
    member = await log.subscribe(group, [topic])
    await commit_past(member, (await collect(member, 3))[1])
    assert await log.committed(group, Partition(topic, 0)) == 2


async def test_seek_reads_on_from_there(log: Log) -> None:
    """After a seek the next poll starts at its offset."""
    topic = await filled(log, 4)
    member = await log.subscribe(unique("group"), [topic])
    await collect(member, 4)
    member.seek(Partition(topic, 0), 1)
    assert [stored.value for stored in await collect(member, 3)] == [b"1", b"2", b"3"]


async def test_seek_does_not_commit(log: Log) -> None:
    """A seek moves the reading, not the group."""
    topic, group = await filled(log, 2), unique("group")
    member = await log.subscribe(group, [topic])
    await collect(member, 2)
    member.seek(Partition(topic, 0), 1)
    await collect(member, 1)
    assert await log.committed(group, Partition(topic, 0)) is None


async def test_two_members_share_no_record(log_factory: LogFactory) -> None:
    """Each record is committed by one member alone, also while the second is still joining."""
    log, other = await log_factory.open(), await log_factory.open()
    topic, group = await make_topic(log, partitions=2), unique("group")
    members = [await log.subscribe(group, [topic]), await other.subscribe(group, [topic])]
    await settle(members, 2)
    await log.append([record(topic, b"%d" % n, partition=n % 2) for n in range(40)], PATIENCE)
    found: list[bytes | None] = []
    async with asyncio.timeout(PATIENCE):
        while len(found) < 40:
            for batches in await asyncio.gather(*(committed_batch(member) for member in members)):
                found += batches
    for batches in await asyncio.gather(*(committed_batch(member) for member in members)):
        found += batches
    assert sorted(found, key=str) == sorted((b"%d" % n for n in range(40)), key=str)


async def committed_batch(member: Subscription) -> list[bytes | None]:
    """Poll once and commit; what cannot be committed belongs to the other member now and does not count."""
    batch = await member.poll(7, 0.2)
    try:
        await member.commit({Partition(stored.topic, stored.partition): stored.offset + 1 for stored in batch})
    except FencedError:
        return []
    return [stored.value for stored in batch]


async def test_another_member_takes_over_after_close(log_factory: LogFactory) -> None:
    """When a member leaves, the one that stood by reads on from its commit."""
    log, other = await log_factory.open(), await log_factory.open()
    topic, group = await filled(log, 3), unique("group")
    first = await log.subscribe(group, [topic])
    await commit_past(first, (await collect(first, 3))[0])
    second = await other.subscribe(group, [topic])
    await first.close()
    assert first.assignment == frozenset()
    assert [stored.value for stored in await collect(second, 2)] == [b"1", b"2"]


async def test_another_member_takes_over_from_a_killed_process(log_factory: LogFactory) -> None:
    """A member that dies without a word loses its place after the session timeout."""
    log = await log_factory.open()
    topic, group = await filled(log, 2), unique("group")
    async with member_process(log_factory.settings, group, topic) as process:
        await said(process, "ready 0")
        process.kill()
        second = await log.subscribe(group, [topic])
        assert [stored.value for stored in await collect(second, 2, patience=50)] == [b"0", b"1"]


async def test_a_member_that_slept_through_a_takeover_is_fenced(log_factory: LogFactory) -> None:
    """A frozen process whose place was given away cannot commit when it wakes."""
    log = await log_factory.open()
    topic, group = await filled(log, 2), unique("group")
    async with member_process(log_factory.settings, group, topic) as process:
        await said(process, "ready 0")
        process.send_signal(signal.SIGSTOP)
        second = await log.subscribe(group, [topic])
        await commit_past(second, (await collect(second, 2, patience=50))[-1])
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.send_signal(signal.SIGCONT)
        await said(process, "fenced")
    assert await log.committed(group, Partition(topic, 0)) == 2


async def test_a_record_appended_while_polling_wakes_the_poll(log: Log) -> None:
    """A waiting poll answers long before its wait is over."""
    topic = await make_topic(log)
    member = await log.subscribe(unique("group"), [topic])
    await settle([member], 1)
    waiting = asyncio.create_task(member.poll(1, 20.0))
    await until(lambda: is_waiting(member))
    began = time.monotonic()
    await log.append([record(topic, b"now")], PATIENCE)
    (stored,) = await waiting
    assert stored.value == b"now"
    assert time.monotonic() - began < 5


async def test_a_closed_member_can_be_closed_again(log: Log) -> None:
    """Close is quick, and twice is as good as once."""
    topic = await make_topic(log)
    member = await log.subscribe(unique("group"), [topic])
    began = time.monotonic()
    await member.close()
    await member.close()
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("count", [0, 3])
async def test_a_commit_of_several_partitions_is_kept(log: Log, count: int) -> None:
    """One commit may name several partitions, or none."""
    topic, group = await filled(log, 9, partitions=3), unique("group")
    member = await log.subscribe(group, [topic])
    await collect(member, 9)
    await member.commit({Partition(topic, n): n + 1 for n in range(count)})
    found = [await log.committed(group, Partition(topic, n)) for n in range(3)]
    assert found == ([1, 2, 3] if count else [None] * 3)


async def test_a_paused_partition_gives_nothing_and_the_others_go_on(log: Log) -> None:
    """The assignment stays, and so does the place in it: after a resume nothing is missing."""
    topic = await filled(log, 6, partitions=2)
    member = await log.subscribe(unique("group"), [topic])
    await settle_one(member, topic, 2)
    member.pause(Partition(topic, 0))
    assert {stored.value for stored in await collect(member, 3)} == {b"1", b"3", b"5"}
    assert await member.poll(10, 0.3) == []
    assert member.assignment == {Partition(topic, 0), Partition(topic, 1)}
    member.resume(Partition(topic, 0))
    assert [stored.value for stored in await collect(member, 3)] == [b"0", b"2", b"4"]


async def settle_one(member: Subscription, topic: str, partitions: int) -> None:
    """Poll until the member has its partitions, and go back to where it began."""
    await until(lambda: _assigned(member, partitions))
    for number in range(partitions):
        member.seek(Partition(topic, number), 0)


async def _assigned(member: Subscription, partitions: int) -> bool:
    await member.poll(1, 0.1)
    return len(member.assignment) == partitions


async def test_a_pause_keeps_the_place_between_two_records(log: Log) -> None:
    """Reading goes on behind the last record that was given, not behind what the client had fetched."""
    topic = await filled(log, 5)
    member = await log.subscribe(unique("group"), [topic])
    first = await collect(member, 2)
    member.pause(Partition(topic, 0))
    assert await member.poll(10, 0.3) == []
    member.resume(Partition(topic, 0))
    rest = await collect(member, 3)
    assert [stored.value for stored in [*first, *rest]] == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_resume_wakes_a_poll_that_waits(log: Log) -> None:
    """It does not wait for a new record to look again."""
    topic = await filled(log, 1)
    member = await log.subscribe(unique("group"), [topic])
    await settle_one(member, topic, 1)
    member.pause(Partition(topic, 0))
    waiting = asyncio.create_task(member.poll(1, 20.0))
    await until(lambda: is_waiting(member))
    began = time.monotonic()
    member.resume(Partition(topic, 0))
    assert [stored.value for stored in await waiting] == [b"0"]
    assert time.monotonic() - began < 5


async def test_a_pause_ends_with_the_assignment(log_factory: LogFactory) -> None:
    """Who gets the partition anew, be it the same member, reads it."""
    log, other = await log_factory.open(), await log_factory.open()
    topic, group = await filled(log, 1), unique("group")
    first = await log.subscribe(group, [topic])
    await settle_one(first, topic, 1)
    first.pause(Partition(topic, 0))
    second = await other.subscribe(group, [topic])
    await first.close()
    assert [stored.value for stored in await collect(second, 1)] == [b"0"]


async def test_pausing_what_is_not_assigned_does_nothing(log: Log) -> None:
    """A rebalance may have taken it a moment before."""
    topic = await filled(log, 2)
    member = await log.subscribe(unique("group"), [topic])
    member.pause(Partition(topic, 9))
    member.resume(Partition(topic, 9))
    assert len(await collect(member, 2)) == 2
