"""One site for each test, on the embedded log and on a real Apache Kafka."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.site import Process, Site, provider_cloud


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """Return a site with an empty log, its topics made, nothing running yet."""
    on_kafka = request.param == "kafka"
    url = f"kafka://{request.getfixturevalue('kafka_bootstrap')}" if on_kafka else "sqlite:///log.db"
    async with provider_cloud() as provider:
        made = Site(tmp_path, url, provider, prefix=f"e2e-{uuid.uuid4().hex[:8]}-" if on_kafka else "")
        made.write_config()
        await made.command("topics", "apply")
        try:
            yield made
        finally:
            await made.close()


@pytest.fixture
async def receiver(site: Site) -> Process:
    """Return a receiver alone."""
    return await site.start("ingest")


@pytest.fixture
async def everything(site: Site) -> Process:
    """Return one process with all roles."""
    return await site.start("run")
