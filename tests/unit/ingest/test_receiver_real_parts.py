"""The receiver with a real provider and a real log: signed as Telnyx signs, stored in SQLite, read back."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import pytest

from broker.embedded import EmbeddedLog
from broker.settings import BrokerSettings
from ingest.server import Endpoint
from providers import telnyx
from providers.contract import Account, Request, Secret
from providers.simulation import Forgery
from providers.telnyx.simulation.cloud import TelnyxCloud
from schemas.envelope import read_event
from schemas.records import StoredRecord
from schemas.topics import CATALOGUE, WEBHOOKS
from schemas.webhook import webhook_from_record
from tests.support.receiver import Bench, receiver, request_bytes

CLOUD = TelnyxCloud(bytes(range(32)))
BODIES = [
    outgoing.body(1)
    for story in islice(CLOUD.traffic(random.Random(7), time.time), 12)
    for outgoing in story
    if outgoing.forgery is None
]


def telnyx_endpoint() -> Endpoint:
    """Return an account that trusts the simulated cloud."""
    key = Secret(CLOUD.environment()["TELNYX_PUBLIC_KEY"], "the test")
    account = Account(name="main", provider="telnyx", tenant="acme", settings={"public_keys": (key,)})
    return Endpoint(account, telnyx.PROVIDER, telnyx.PROVIDER.verifier(account))


def signed(body: bytes, forgery: Forgery | None = None) -> bytes:
    """Return the request that the cloud sends, by the real clock."""
    headers: Mapping[str, str] = CLOUD.headers(Request("POST", "/webhooks/main", (), body), time.time(), forgery)
    return request_bytes(body, secret=None, headers=[(n.encode(), v.encode()) for n, v in headers.items()])


@asynccontextmanager
async def site(folder: Path) -> AsyncGenerator[tuple[Bench, EmbeddedLog], None]:
    """Give a receiver of Telnyx webhooks on an embedded log."""
    log = EmbeddedLog(BrokerSettings(url=f"sqlite:///{folder / 'log.db'}"), ingesting=True, clock=time.time)
    await log.start()
    try:
        async with receiver(log=log, endpoints=[telnyx_endpoint()], clock=time.time) as bench:
            yield bench, log
    finally:
        await log.stop()


async def stored(log: EmbeddedLog, topic: str) -> list[StoredRecord]:
    """Return all records of a topic."""
    found: list[StoredRecord] = []
    for partition in await log.partitions(topic):
        bounds = await log.bounds(partition)
        found += [record async for record in log.read(partition, bounds.first, bounds.end)]
    return found


async def test_a_ready_receiver_stores_every_story_of_the_cloud(tmp_path: Path) -> None:
    """Each body is in the raw topic byte for byte, and each event names a raw record that is there."""
    async with site(tmp_path) as (bench, log):
        assert bench.server.readiness().ready
        answers = await asyncio.gather(*(bench.ask(signed(body)) for body in BODIES))
        assert {answer.status for answer in answers} == {200}
        webhooks = [webhook_from_record(record) for record in await stored(log, WEBHOOKS.name)]
        assert {webhook.body for webhook in webhooks} == set(BODIES)
        typed = [
            read_event(record)
            for topic in CATALOGUE
            if topic is not WEBHOOKS
            for record in await stored(log, topic.name)
        ]
        assert {event.envelope.webhook_id for event in typed} == {webhook.id for webhook in webhooks}


@pytest.mark.parametrize("forgery", list(Forgery))
async def test_no_forgery_reaches_a_topic(forgery: Forgery, tmp_path: Path) -> None:
    """401, and the raw topic stays empty (P13)."""
    async with site(tmp_path) as (bench, log):
        assert (await bench.ask(signed(BODIES[0], forgery))).status == 401
        assert await stored(log, WEBHOOKS.name) == []


async def test_what_was_answered_is_there_after_a_restart(tmp_path: Path) -> None:
    """P1: another process that opens the file finds the webhook."""
    async with site(tmp_path) as (bench, _log):
        assert (await bench.ask(signed(BODIES[0]))).status == 200
    async with site(tmp_path) as (_bench, log):
        assert [record.value for record in await stored(log, WEBHOOKS.name)] == [BODIES[0]]


async def test_a_log_that_has_stopped_gets_the_retry_status(tmp_path: Path) -> None:
    """The receiver lives on without its log, and says that it is not ready."""
    async with site(tmp_path) as (bench, log):
        await log.stop()
        assert not bench.server.readiness().ready
        assert (await bench.ask(signed(BODIES[0]))).status == 503
