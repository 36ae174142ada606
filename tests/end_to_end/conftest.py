"""One site for each test, on the embedded log and on a real Apache Kafka."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from deploy.kafka.cluster import KafkaCluster
from tests.support.kafka import bootstrap, own_cluster
from tests.support.postgresql import postgresql_url
from tests.support.site import Process, Site, provider_cloud


async def _enter(stack: AsyncExitStack, manager: AbstractContextManager[str]) -> str:
    """Enter what blocks, in a thread, and leave it so too."""
    entered = await asyncio.to_thread(manager.__enter__)
    stack.push_async_callback(asyncio.to_thread, manager.__exit__, None, None, None)
    return entered


@asynccontextmanager
async def site_on(folder: Path, broker_url: str, prefix: str = "") -> AsyncIterator[Site]:
    """Give a site with an empty log, its topics made, nothing running yet.

    On Kafka its state is in PostgreSQL, as it is where several processes share the work.
    """
    async with provider_cloud() as provider, AsyncExitStack() as stack:
        made = Site(folder, broker_url, provider, prefix)
        if broker_url.startswith("kafka:"):
            made.state = await _enter(stack, postgresql_url())
        made.write_config()
        await made.command("topics", "apply")
        try:
            yield made
        finally:
            await made.close()


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """Return a site on each of the logs."""
    if request.param == "embedded":
        url, prefix = "sqlite:///log.db", ""
    else:
        url, prefix = f"kafka://{await asyncio.to_thread(bootstrap)}", f"e2e-{uuid.uuid4().hex[:8]}-"
    async with site_on(tmp_path, url, prefix) as made:
        yield made


@pytest.fixture
async def cluster() -> AsyncIterator[KafkaCluster]:
    """Return a Kafka of this test alone, which it may kill."""
    holder = own_cluster()
    try:
        yield await asyncio.to_thread(holder.__enter__)
    finally:
        await asyncio.to_thread(holder.__exit__, None, None, None)


@pytest.fixture
async def own_site(cluster: KafkaCluster, tmp_path: Path) -> AsyncIterator[Site]:
    """Return a site on the Kafka of this test."""
    async with site_on(tmp_path, f"kafka://{cluster.bootstrap}") as made:
        yield made


@pytest.fixture
async def receiver(site: Site) -> Process:
    """Return a receiver alone."""
    return await site.start("ingest")


@pytest.fixture
async def everything(site: Site) -> Process:
    """Return one process with all roles."""
    return await site.start("run")
