"""What every log promises of topics: a plan that is true, and no change that was not planned."""

import dataclasses

from broker.log import Log, TopicChange, TopicSpec
from tests.support.logs import unique, until

DAY_MS = 24 * 60 * 60 * 1000


async def change_of(log: Log, spec: TopicSpec) -> TopicChange:
    """Return what the plan says of one topic."""
    (planned,) = await log.plan_topics([spec])
    assert planned.spec == spec
    return planned.change


async def applied(log: Log, spec: TopicSpec) -> None:
    """Apply the plan for one topic and wait until it is so."""
    await log.apply_topics(await log.plan_topics([spec]))


def spec_of(*, compacted: bool = False) -> TopicSpec:
    """Return the spec of a topic with a name of its own."""
    return TopicSpec(unique("topic"), 2, retention_ms=7 * DAY_MS, compacted=compacted)


async def test_a_missing_topic_is_to_be_created(log: Log) -> None:
    """The plan says create, and making the plan changes nothing."""
    spec = spec_of()
    assert await change_of(log, spec) is TopicChange.CREATE
    assert await change_of(log, spec) is TopicChange.CREATE


async def test_apply_creates_the_topic(log: Log) -> None:
    """After apply the topic has its partitions and the plan keeps it."""
    spec = spec_of()
    await applied(log, spec)

    async def is_kept() -> bool:
        return await change_of(log, spec) is TopicChange.KEEP

    await until(is_kept)
    assert len(await log.partitions(spec.name)) == 2


async def test_another_retention_is_altered(log: Log) -> None:
    """A changed limit is an alteration, and apply makes it so."""
    spec = spec_of()
    await applied(log, spec)
    wanted = dataclasses.replace(spec, retention_ms=DAY_MS)

    async def is_seen() -> bool:
        return await change_of(log, wanted) is TopicChange.ALTER

    async def is_kept() -> bool:
        return await change_of(log, wanted) is TopicChange.KEEP

    await until(is_seen)
    await applied(log, wanted)
    await until(is_kept)


async def test_another_partition_count_is_a_conflict_and_left_alone(log: Log) -> None:
    """A key would change its partition, so nobody changes the count."""
    spec = spec_of()
    await applied(log, spec)
    wanted = dataclasses.replace(spec, partitions=5)

    async def is_conflict() -> bool:
        return await change_of(log, wanted) is TopicChange.CONFLICT

    await until(is_conflict)
    (planned,) = await log.plan_topics([wanted])
    assert "2" in planned.detail
    assert "5" in planned.detail
    await log.apply_topics([planned])
    assert len(await log.partitions(spec.name)) == 2


async def test_a_compacted_topic_is_kept_as_such(log: Log) -> None:
    """Compaction is part of the plan."""
    spec = spec_of(compacted=True)
    await applied(log, spec)

    async def is_kept() -> bool:
        return await change_of(log, spec) is TopicChange.KEEP

    await until(is_kept)
    assert await change_of(log, dataclasses.replace(spec, compacted=False)) is TopicChange.ALTER


async def test_a_plan_of_several_keeps_their_order(log: Log) -> None:
    """One line for each topic, in the order asked."""
    known, new = spec_of(), spec_of()
    await applied(log, known)

    async def is_known() -> bool:
        return await change_of(log, known) is TopicChange.KEEP

    await until(is_known)
    plan = await log.plan_topics([new, known])
    assert [(line.spec, line.change) for line in plan] == [(new, TopicChange.CREATE), (known, TopicChange.KEEP)]


async def test_applying_twice_changes_nothing(log: Log) -> None:
    """A plan that was made before the topic existed does no harm."""
    spec = spec_of()
    plan = await log.plan_topics([spec])
    await log.apply_topics(plan)
    await log.apply_topics(plan)

    async def is_kept() -> bool:
        return await change_of(log, spec) is TopicChange.KEEP

    await until(is_kept)
