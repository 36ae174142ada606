"""A group that one member alone may have: the second stays out, and nobody is thrown out for ever."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from broker.kafka import KafkaLog
from broker.kafka.alone import Alone, passed
from broker.kafka.marking import Mark
from broker.kafka.subscription import KafkaSubscription
from broker.log import (
    AnotherHolderError,
    AnotherMemberError,
    FencedError,
    Holder,
    LogUnavailableError,
    Partition,
    TopicSpec,
)
from schemas.records import Record, StoredRecord
from tests.support.kafka import KafkaFactory, kafka_logs

pytestmark = pytest.mark.kafka

TOPIC, GROUP = "commands", "send"
LONG = 20.0
HERE = Holder("state-here")


@pytest.fixture
async def factory() -> AsyncIterator[KafkaFactory]:
    """Give a factory of logs with a topic of one record."""
    async with kafka_logs() as made:
        log = await made.open()
        await log.apply_topics(await log.plan_topics([TopicSpec(TOPIC, 1)]))
        await log.append([Record(TOPIC, b"k", b"v", (), 1_767_225_600_000)], LONG)
        yield made


async def first_record(member: KafkaSubscription) -> StoredRecord:
    """Poll until there is one."""
    found: Sequence[StoredRecord] = []
    async with asyncio.timeout(LONG):
        while not found:
            found = await member.poll(10, 0.5)
    return found[0]


def certain(member: KafkaSubscription) -> bool:
    """Return what the member says now."""
    return member.certain


async def thrown_out(member: KafkaSubscription) -> list[StoredRecord]:
    """Poll until the member is told that another has its place; return what it read until then."""
    read: list[StoredRecord] = []
    async with asyncio.timeout(LONG):
        try:
            while True:
                read += await member.poll(10, 0.2)
        except AnotherMemberError:
            return read


async def test_a_second_sender_stays_out_until_the_first_has_left(factory: KafkaFactory) -> None:
    """It is told where the other is; the first never notices, and the second takes over as soon as it left."""
    one, two = await factory.open(), await factory.open()
    member = await one.subscribe(GROUP, [TOPIC], holder=HERE)
    assert (await first_record(member)).value == b"v"
    for _ in range(2):
        with pytest.raises(AnotherMemberError, match=r"send has a member already, on 127\.0\.0\.1"):
            await two.subscribe(GROUP, [TOPIC], holder=HERE)
    await member.commit({Partition(TOPIC, 0): 0})
    await member.close()
    successor = await two.subscribe(GROUP, [TOPIC], holder=HERE)
    assert (await first_record(successor)).value == b"v"


async def test_a_member_that_shares_keeps_a_sole_one_out(factory: KafkaFactory) -> None:
    """Be it of a version that knew no sole members, or with another state."""
    one, two = await factory.open(), await factory.open()
    await first_record(await one.subscribe(GROUP, [TOPIC]))
    with pytest.raises(AnotherMemberError):
        await two.subscribe(GROUP, [TOPIC], holder=HERE)


async def test_of_two_that_look_at_the_same_moment_one_remains(
    factory: KafkaFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later one takes the place; the first has read nothing by then, and does not take it back."""
    one, two = await factory.open(), await factory.open()

    async def nobody(_rule: Alone) -> None:
        return None

    monkeypatch.setattr(Alone, "check", nobody)
    first = await one.subscribe(GROUP, [TOPIC], holder=HERE)
    async with asyncio.timeout(LONG):
        while not first.assignment:
            await first.poll(10, 0.1)
    second = await two.subscribe(GROUP, [TOPIC], holder=HERE)
    async with asyncio.timeout(LONG):
        while not second.assignment:
            await second.poll(10, 0.1)
    monkeypatch.undo()
    read, record = await asyncio.gather(thrown_out(first), first_record(second))
    assert (read, record.value) == ([], b"v")
    with pytest.raises(FencedError):
        await first.commit({Partition(TOPIC, 0): 1})
    await first.close()
    with pytest.raises(AnotherMemberError):
        await one.subscribe(GROUP, [TOPIC], holder=HERE)
    await second.commit({Partition(TOPIC, 0): 1})
    assert await second.poll(10, 3.0) == []
    assert second.assignment == {Partition(TOPIC, 0)}


async def test_who_looked_too_early_looks_again_before_it_joins(
    factory: KafkaFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connecting may take seconds, in which another has joined and begun: that one keeps its place."""
    one, two = await factory.open(), await factory.open()
    first = await one.subscribe(GROUP, [TOPIC], holder=HERE)
    assert (await first_record(first)).value == b"v"

    async def nobody(_rule: Alone) -> None:
        return None

    monkeypatch.setattr(Alone, "check", nobody)
    second = await two.subscribe(GROUP, [TOPIC], holder=HERE)
    monkeypatch.undo()
    assert await thrown_out(second) == []
    await first.commit({Partition(TOPIC, 0): 1})
    assert await first.poll(10, 2.0) == []
    assert first.assignment == {Partition(TOPIC, 0)}


async def test_a_sender_that_lost_its_connection_is_not_kept_out_by_itself(
    factory: KafkaFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it left behind in the group is its own."""
    log: KafkaLog = await factory.open()
    member = await log.subscribe(GROUP, [TOPIC], holder=HERE)
    await first_record(member)
    monkeypatch.setattr(Alone, "leave", staticmethod(lambda _consumer: None))
    await member.close()
    monkeypatch.undo()
    again = await log.subscribe(GROUP, [TOPIC], holder=HERE)
    assert (await first_record(again)).value == b"v"


@pytest.mark.parametrize("holder", [None, HERE])
async def test_a_session_that_the_broker_does_not_take_is_told(factory: KafkaFactory, holder: Holder | None) -> None:
    """A second is less than Kafka takes unless it is told otherwise; the member says so, and reads nothing."""
    kafka = replace(factory.settings.kafka, session_timeout=1.0)
    log = KafkaLog(replace(factory.settings, kafka=kafka))
    await log.start()
    try:
        await log.settled(5.0)
        member = await log.subscribe(GROUP, [TOPIC], holder=holder)
        with pytest.raises(LogUnavailableError, match="Session"):
            await first_record(member)
    finally:
        await log.stop()


async def test_who_has_another_state_does_not_go_on_where_one_was(factory: KafkaFactory) -> None:
    """Also where that one ended before its first commit: only its ledger knows what it has done behind it."""
    one, two = await factory.open(), await factory.open()
    here, there, third = (replace(HERE, name=f"state-{word}", alone=False) for word in ("here", "there", "third"))
    member = await one.subscribe(GROUP, [TOPIC], holder=here)
    assert (await first_record(member)).value == b"v"
    await member.close()
    with pytest.raises(AnotherHolderError, match=r"send was read with state-here, and this is state-there"):
        await two.subscribe(GROUP, [TOPIC], holder=there)
    heir = await two.subscribe(GROUP, [TOPIC], holder=replace(there, heir_of="state-here"))
    assert (await first_record(heir)).value == b"v"
    await heir.close()
    # The heir's name stands everywhere now: whoever comes after it need not know of those before.
    with pytest.raises(AnotherHolderError, match="was read with state-there, and"):
        await one.subscribe(GROUP, [TOPIC], holder=replace(third, heir_of="state-here"))
    last = await one.subscribe(GROUP, [TOPIC], holder=replace(third, heir_of="state-there"))
    assert (await first_record(last)).value == b"v"
    await last.close()


async def test_an_heir_waits_until_those_before_it_have_left(factory: KafkaFactory) -> None:
    """Beside it they would go on, and not see what it has done; those with its own name come in beside it."""
    one, two, three = await factory.open(), await factory.open(), await factory.open()
    here = replace(HERE, alone=False)
    there = Holder("state-there", heir_of="state-here", alone=False)
    member = await one.subscribe(GROUP, [TOPIC], holder=here)
    assert (await first_record(member)).value == b"v"
    with pytest.raises(AnotherMemberError, match=r"send is read with state-here still, on 127\.0\.0\.1") as told:
        await two.subscribe(GROUP, [TOPIC], holder=there)
    assert not isinstance(told.value, AnotherHolderError)
    await member.commit({Partition(TOPIC, 0): 0})
    await member.close()
    heir = await two.subscribe(GROUP, [TOPIC], holder=there)
    assert (await first_record(heir)).value == b"v"
    await three.subscribe(GROUP, [TOPIC], holder=there)
    await three.subscribe(GROUP, [TOPIC], holder=replace(there, heir_of="state-there"))


async def test_who_comes_back_by_itself_stays_out_where_an_heir_has_been(
    factory: KafkaFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member that slept is joined again by its client, which looks at no name."""
    one, two = await factory.open(), await factory.open()
    heir = await two.subscribe(GROUP, [TOPIC], holder=Holder("state-there", alone=False))
    assert (await first_record(heir)).value == b"v"
    await heir.close()

    async def joins(_mark: Mark) -> None:
        return None

    monkeypatch.setattr(Mark, "may_join", joins)
    sleeper = await one.subscribe(GROUP, [TOPIC], holder=replace(HERE, alone=False))
    with pytest.raises(AnotherHolderError, match="read with state-there, and this is state-here"):
        await first_record(sleeper)
    assert sleeper.assignment == set()
    again = await two.subscribe(GROUP, [TOPIC], holder=Holder("state-there", alone=False))
    assert (await first_record(again)).value == b"v"


async def test_an_heir_and_one_before_it_that_come_at_the_same_moment_do_not_both_work(
    factory: KafkaFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have looked before either wrote its name: then at least one sees the other's behind its own."""
    one, two = await factory.open(), await factory.open()
    await one.apply_topics(await one.plan_topics([TopicSpec("halves", 2)]))
    await one.append([Record("halves", b"%d" % n, b"v", (), 1_767_225_600_000) for n in range(20)], LONG)
    places, both, here = Mark.places, asyncio.Event(), list[object]()

    async def joins(_mark: Mark) -> None:
        return None

    async def at_once(consumer: Any, assigned: Collection[Any], found: Mapping[Any, Sequence[Any]]) -> dict[Any, int]:
        if len(assigned) == 2:
            return {}
        here.append(consumer)
        if len(here) == 2:
            both.set()
        await both.wait()
        return await places(consumer, assigned, found)

    monkeypatch.setattr(Mark, "may_join", joins)
    monkeypatch.setattr(Mark, "places", staticmethod(at_once))
    there = Holder("state-there", heir_of="state-here", alone=False)
    members = [
        await log.subscribe(GROUP, ["halves"], holder=holder)
        for log, holder in ((one, replace(HERE, alone=False)), (two, there))
    ]
    found = await asyncio.gather(*(first_record(member) for member in members), return_exceptions=True)
    assert [outcome for outcome in found if isinstance(outcome, AnotherMemberError)], found


async def test_members_that_are_kept_out_are_not_kept(factory: KafkaFactory) -> None:
    """One that looks again every few seconds, for days, is no weight."""
    one, two = await factory.open(), await factory.open()
    await first_record(await one.subscribe(GROUP, [TOPIC]))
    for _ in range(3):
        with pytest.raises(AnotherMemberError):
            await two.subscribe(GROUP, [TOPIC], holder=HERE)
    assert [member for member in two._members if not member.closed] == []


async def test_a_file_does_not_go_on_where_a_server_was(factory: KafkaFactory) -> None:
    """A state that hosts share has a name too."""
    log = await factory.open()
    member = await log.subscribe(GROUP, [TOPIC], holder=replace(HERE, name="state-shared", alone=False))
    assert (await first_record(member)).value == b"v"
    await member.close()
    with pytest.raises(AnotherHolderError):
        await log.subscribe(GROUP, [TOPIC], holder=HERE)


async def test_a_member_that_slept_for_longer_than_its_session_is_not_certain_of_its_place(
    factory: KafkaFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before Kafka has answered a heartbeat; one that shares its group has nothing to be certain of."""
    log = await factory.open()
    member = await log.subscribe(GROUP, [TOPIC], holder=HERE)
    async with asyncio.timeout(LONG):
        while not member.assignment:
            await member.poll(10, 0.1)
        assert certain(member)
        asleep = passed() + 60
        with monkeypatch.context() as patch:
            patch.setattr("broker.kafka.alone.passed", lambda: asleep)
            looks = [certain(member)]
            while not looks[-1]:
                await member.poll(10, 0.1)
                looks.append(certain(member))
    assert not looks[0]
