"""Other clients see on Kafka what we mean, and we see what they write."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.kafka import KafkaLog
from broker.log import TopicSpec
from broker.murmur2 import partition_of
from tests.support.kafka import KafkaFactory, bootstrap, kafka_logs, kafka_settings
from tests.support.logs import BASE_MS, PATIENCE, collect, make_topic, read_all, record, unique

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed: apt-get install kcat"),
]
EVERY_BYTE = bytes(range(256)) + "\u260e \u00e4 \U0001f4e8".encode()


@pytest.fixture
async def factory() -> AsyncIterator[KafkaFactory]:
    """Give a factory of logs under a prefix of this test."""
    async with kafka_logs() as factory:
        yield factory


@pytest.fixture
async def log(factory: KafkaFactory) -> KafkaLog:
    """Give one started log."""
    return await factory.open()


async def kcat(*arguments: str, stdin: bytes = b"") -> bytes:
    """Run kcat against the tests' Kafka and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        "kcat",
        "-b",
        bootstrap(),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, errors = await process.communicate(stdin)
    assert process.returncode == 0, errors
    return out


async def consumed(factory: KafkaFactory, topic: str, form: str) -> bytes:
    """Return what kcat prints of a topic of ours from its beginning, in kcat's format."""
    outer = factory.settings.topic_prefix + topic
    return await kcat("-C", "-q", "-t", outer, "-o", "beginning", "-e", "-f", form)


async def test_a_foreign_client_reads_the_exact_value(factory: KafkaFactory, log: KafkaLog) -> None:
    """Every byte of a body arrives as it was."""
    topic = await make_topic(log)
    await log.append([record(topic, EVERY_BYTE)], PATIENCE)
    assert await consumed(factory, topic, "%s") == EVERY_BYTE


async def test_a_foreign_client_reads_key_headers_and_timestamp(factory: KafkaFactory, log: KafkaLog) -> None:
    """CloudEvents headers, key and our timestamp are Kafka's own."""
    topic = await make_topic(log)
    headers = (("ce_id", b"0123"), ("ce_type", "gr\u00fc\u00df".encode()), ("ce_id", b"again"))
    await log.append([record(topic, b"{}", key=b"main|m-1", headers=headers)], PATIENCE)
    printed = (await consumed(factory, topic, "%k\n%h\n%T\n%s")).decode()
    assert printed.split("\n") == ["main|m-1", "ce_id=0123,ce_type=gr\u00fc\u00df,ce_id=again", str(BASE_MS), "{}"]


async def test_a_tombstone_is_one_for_a_foreign_client(factory: KafkaFactory, log: KafkaLog) -> None:
    """A value of None has no length on Kafka."""
    topic = await make_topic(log)
    await log.append([record(topic, None)], PATIENCE)
    assert await consumed(factory, topic, "%S") == b"-1"


async def test_a_foreign_writer_chooses_the_same_partitions(factory: KafkaFactory, log: KafkaLog) -> None:
    """Kafka's default partitioner in another implementation sends each key where we would."""
    topic = await make_topic(log, partitions=7)
    keys = [f"main|+4989{n}|caf\u00e9" for n in range(50)] + ["a", "ab", "abc", "abcd"]
    lines = "".join(f"{key}\tvalue\n" for key in keys).encode()
    outer = factory.settings.topic_prefix + topic
    await kcat("-P", "-t", outer, "-K", "\t", "-X", "partitioner=murmur2_random", stdin=lines)
    stored = await read_all(log, topic)
    assert {each.key: each.partition for each in stored} == {
        key.encode(): partition_of(key.encode(), 7) for key in keys
    }


async def test_we_read_what_a_foreign_writer_wrote(factory: KafkaFactory, log: KafkaLog, tmp_path: Path) -> None:
    """A member of ours gets a foreign record with key, headers and bytes."""
    topic = await make_topic(log)
    body = tmp_path / "body"
    await asyncio.to_thread(body.write_bytes, EVERY_BYTE)
    outer = factory.settings.topic_prefix + topic
    await kcat("-P", "-t", outer, "-k", "key", "-H", "ce_id=1", "-H", "ce_id=2", str(body))
    member = await log.subscribe(unique("group"), [topic])
    (found,) = await collect(member, 1)
    assert (found.key, found.headers, found.value) == (b"key", (("ce_id", b"1"), ("ce_id", b"2")), EVERY_BYTE)


async def test_the_prefix_stands_on_kafka_and_nowhere_else(factory: KafkaFactory, log: KafkaLog) -> None:
    """The cluster sees the prefix, a caller never does, and another prefix sees nothing of it."""
    topic = await make_topic(log)
    await log.append([record(topic)], PATIENCE)
    listed = (await kcat("-L", "-J")).decode()
    assert f'"{factory.settings.topic_prefix}{topic}"' in listed
    assert f'"{topic}"' not in listed
    other = KafkaLog(kafka_settings(bootstrap()))
    await other.start()
    try:
        assert await other.partitions(topic) == []
        (planned,) = await other.plan_topics([TopicSpec(topic, 1)])
        assert planned.change == "create"
    finally:
        await other.stop()
