"""What is learnt of a retry topic, beside the reading of others; what is forgotten when a partition goes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from broker.log import Partition
from consumers.loop.parked import Parked
from consumers.loop.retries import retry_record
from consumers.loop.settings import RetrySettings
from schemas.records import StoredRecord
from schemas.topics import INBOUND, retry_topic
from tests.support.consumed_log import MemorySubscription
from tests.support.consumers import QUICK, Bench, inbound, until
from tests.support.consumers_seen import ONLY, ONLY_RETRY, RETRY, Seen

FIRST, SECOND = "+15550000011", "+15550000012"
LATER = RetrySettings(delays=(3600.0,))


def put_off(bench: Bench, record: StoredRecord, *, due: float = 0.0, attempt: int = 0) -> None:
    """Let a record wait in the retry topic, as another member left it."""
    topic = retry_topic(INBOUND, "group")
    bench.log.put(retry_record(record, topic, attempt=attempt, due=int(due * 1000), reason="x", now=0))


def slowed(bench: Bench, partition: Partition, go: asyncio.Event) -> None:
    """Let reading a partition beside the group wait until `go` is set."""
    read = bench.log.read

    async def slow(at: Partition, offset: int, end: int) -> AsyncIterator[StoredRecord]:
        if at == partition:
            await go.wait()
        async for record in read(at, offset, end):
            yield record

    bench.log.read = slow  # type: ignore[method-assign,assignment] # the log of these tests is made to be bent


async def test_learning_much_is_no_silent_client(seen: Seen) -> None:
    """However long it takes to read what waits, nobody is given up for it, and then all is handled."""
    go = asyncio.Event()
    bench = Bench(tempo=replace(QUICK, stalled_after=0.05, idle_poll=0.01, log_wait=5.0), retry=LATER)
    bench.fill(inbound(0), inbound(1, key=SECOND))
    put_off(bench, bench.log.on(INBOUND.name)[0])
    bench.log.offsets["group", ONLY] = 1
    slowed(bench, ONLY_RETRY, go)
    bench.start(seen)
    await until(lambda: bench.log.members and bench.log.members[0].polls > 3)
    await asyncio.sleep(0.2)  # four times as long as a client may give nothing
    assert (bench.log.joined, seen.ended) == (1, [])
    go.set()
    await until(lambda: sorted(seen.ended) == ["event-0", "event-1"])
    assert bench.log.joined == 1
    await bench.stop()


async def test_other_partitions_go_on_while_one_is_learnt(seen: Seen) -> None:
    """What waits beside one partition holds up that one alone."""
    go = asyncio.Event()
    bench = Bench(partitions=8, tempo=replace(QUICK, log_wait=5.0), retry=LATER)
    bench.fill(*(inbound(n, key=f"+1777000{n:04}") for n in range(40)))
    first = bench.log.on(INBOUND.name)[0]
    put_off(bench, first)
    slowed(bench, Partition(RETRY, first.partition), go)
    behind = len(bench.log.records[Partition(INBOUND.name, first.partition)])
    bench.start(seen)
    await until(lambda: len(seen.ended) == 40 - behind)
    await until(lambda: bench.log.done("group") == 40 - behind)
    go.set()
    await until(lambda: len(set(seen.ended)) == 40)
    await bench.stop()


async def test_a_member_of_the_retry_partition_alone_forgets_what_it_knew(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the topic's own partition comes later, what waits is read anew: others have put more there."""
    bench = Bench(retry=LATER)
    bench.fill(inbound(0, key=FIRST))
    bench.log.offsets["group", ONLY] = 1
    put_off(bench, bench.log.on(INBOUND.name)[0])
    subscribe = bench.log.subscribe

    async def half(*asked: object, **more: object) -> MemorySubscription:
        member = await subscribe(*asked, **more)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - handed on
        member.assignment = frozenset({ONLY_RETRY})
        return member

    monkeypatch.setattr(bench.log, "subscribe", half)
    bench.start(seen)
    await until(lambda: bench.log.offsets.get(("group", ONLY_RETRY)) == 1)
    member = bench.log.members[0]
    await member.revoke(frozenset({ONLY_RETRY}))
    bench.fill(inbound(1, key=SECOND))
    put_off(bench, bench.log.on(INBOUND.name)[1], due=bench.now + 3600, attempt=1)
    bench.log.offsets["group", ONLY] = 2
    bench.fill(inbound(2, key=SECOND))
    member.give(frozenset({ONLY}))
    await until(lambda: bench.log.offsets.get(("group", ONLY)) == 3)
    assert seen.ended == ["event-0"]
    await bench.stop()


async def test_a_partition_that_went_and_came_back_has_the_lag_of_its_commit(seen: Seen) -> None:
    """What others committed meanwhile is asked for again: no lag that is not there, and no client given up for it."""
    tempo = replace(QUICK, look_every=0.02, stalled_after=0.1, idle_poll=0.01)
    bench = Bench(tempo=tempo)
    loop = bench.start(seen)
    await until(lambda: loop.health().lag == 0)
    member = bench.log.members[0]
    both = frozenset({ONLY, ONLY_RETRY})
    await member.revoke(both)
    bench.fill(*(inbound(n) for n in range(5)))
    bench.log.offsets["group", ONLY] = 5
    member.give(both)
    await asyncio.sleep(0.3)  # three times as long as a client may give nothing
    assert (loop.health().lag, bench.log.joined) == (0, 1)
    await bench.stop()


def test_of_too_many_keys_the_rest_waits_as_one() -> None:
    """Order holds with bounded memory: what is not known in full holds up every key, until it is done."""
    parked = Parked(most=2)
    for offset, key in enumerate((b"a", b"b", b"c", b"d")):
        parked.add(key, offset)
    assert all(map(parked.holds, (b"a", b"b", b"c", b"d", b"other")))
    parked.done(b"a", 0)
    parked.passed(3)
    assert parked.holds(b"other")
    parked.passed(4)
    assert [parked.holds(key) for key in (b"a", b"b", b"d", b"other")] == [False, True, False, False]
