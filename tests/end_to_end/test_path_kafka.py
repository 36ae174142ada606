"""The path on a Kafka that dies, and the topics in the eyes of a foreign client."""

import asyncio
import shutil
import time

import pytest

from deploy.kafka.cluster import KafkaCluster
from tests.support.site import Site, inbound_body, until

pytestmark = pytest.mark.kafka
TELNYX_DEADLINE = 2.0


async def timed_post(site: Site, text: str) -> tuple[int, float]:
    """Post an inbound message to the site's first process, return the status and the seconds that it took."""
    began = time.monotonic()
    status = await site.post(site.processes[0], inbound_body(text, f"message-{text}"))
    return status, time.monotonic() - began


@pytest.mark.faults
async def test_a_killed_broker_costs_no_webhook_and_no_time(own_site: Site, cluster: KafkaCluster) -> None:
    """While Kafka is dead every webhook is spooled and acknowledged in time; all of them are there after its return."""
    receiver = await own_site.start("ingest")
    assert (await timed_post(own_site, "before"))[0] == 200
    await asyncio.to_thread(cluster.kill, 1)
    answers = [await timed_post(own_site, f"during-{n}") for n in range(5)]
    assert {status for status, _ in answers} == {200}
    assert max(seconds for _, seconds in answers) < TELNYX_DEADLINE
    assert await receiver.ready()
    await asyncio.to_thread(cluster.restart, 1)
    assert (await timed_post(own_site, "after"))[0] == 200
    expected = {"before", "after", *(f"during-{n}" for n in range(5))}

    async def all_stored() -> bool:
        return {record["value"]["text"] for record in await own_site.tail("messaging.inbound.v1")} >= expected

    await until(all_stored, "what was spooled to be in Kafka")


@pytest.mark.faults
async def test_a_killed_broker_costs_no_reply(own_site: Site, cluster: KafkaCluster) -> None:
    """The consumers find Kafka again by themselves; what was acknowledged before its death is answered once."""
    running = await own_site.start("run")
    assert await own_site.post(running, inbound_body("HOURS", "m1")) == 200
    await asyncio.to_thread(cluster.kill, 1)
    await asyncio.to_thread(cluster.restart, 1)
    await until(running.ready, "the receiver to be ready again")
    assert await own_site.post(running, inbound_body("HOURS", "m2", sender="+13125550009")) == 200

    async def both_answered() -> bool:
        results = await own_site.tail("messaging.results.v1")
        return {record["value"]["in_reply_to"] for record in results} == {"m1", "m2"}

    await until(both_answered, "two results", patience=50)
    assert len(own_site.provider.effects) == 2


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed: apt-get install kcat")
async def test_a_foreign_client_reads_the_event(own_site: Site, cluster: KafkaCluster) -> None:
    """The client kcat sees the exact body on the raw topic, and key and CloudEvents headers on the typed one."""
    receiver = await own_site.start("ingest")
    body = inbound_body("Hello", "m1")
    assert await own_site.post(receiver, body) == 200

    async def kcat(topic: str, form: str) -> bytes:
        reader = await asyncio.create_subprocess_exec(
            "kcat", "-b", cluster.bootstrap, "-C", "-q", "-e", "-o", "beginning", "-t", topic, "-f", form,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(reader.communicate(), 30)
        return out

    assert await kcat("messaging.webhooks.v1", "%s") == body
    key, headers = (await kcat("messaging.inbound.v1", "%k\n%h")).decode().split("\n")
    assert key == "main|+17735550102|+13125550001"
    assert "ce_type=messaging.message.received" in headers
    assert "ce_tenant=acme" in headers
