"""Members that join a group at the same moment, as the processes of one host do after its start."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer

from broker.kafka.subscription import KafkaSubscription
from broker.log import LogUnavailableError, TopicSpec
from tests.support.kafka import bootstrap, kafka_logs

pytestmark = pytest.mark.kafka

TOPIC, GROUPS = "events", 12


async def _reads(member: KafkaSubscription) -> None:
    while not member.assignment:
        await member.poll(10, 0.1)


async def test_members_that_join_at_once_have_their_partitions_soon() -> None:
    """A client that asks twice for each join would throw the others, and they it, into rebalance after rebalance."""
    async with kafka_logs() as factory:
        one, two = await factory.open(), await factory.open()
        await one.apply_topics(await one.plan_topics([TopicSpec(TOPIC, 12)]))
        pairs = [(group, log) for group in map("group-{}".format, range(GROUPS)) for log in (one, two)]
        members = await asyncio.gather(*(log.subscribe(group, [TOPIC]) for group, log in pairs))
        async with asyncio.timeout(15):
            await asyncio.gather(*map(_reads, members))
        await asyncio.gather(*(member.close() for member in members))


async def test_a_member_that_shares_in_another_way_is_told_of() -> None:
    """Kafka keeps ours out for as long as that one is there: an operator reads what to end."""
    async with kafka_logs() as factory:
        log = await factory.open()
        await log.apply_topics(await log.plan_topics([TopicSpec(TOPIC, 1)]))
        prefix = factory.settings.topic_prefix
        other = AIOKafkaConsumer(prefix + TOPIC, bootstrap_servers=bootstrap(), group_id=f"{prefix}group")
        await other.start()
        try:
            member = await log.subscribe("group", [TOPIC])
            with pytest.raises(LogUnavailableError, match=r"group group: members .* another way .*: end them first"):
                await _reads(member)
        finally:
            await other.stop()
        async with asyncio.timeout(15):
            await _reads(member)
