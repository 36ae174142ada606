"""Every test here runs on each implementation of the log.

The Kafka half comes from `tests/support/kafka.py`, which has to offer
`kafka_logs() -> AsyncContextManager[LogFactory]` with settings that name the cluster and a topic prefix of its own.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.log import Log
from tests.support.logs import LogFactory, embedded_logs


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
async def log_factory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LogFactory]:
    """Give a factory of logs on a store of this test."""
    if request.param == "embedded":
        async with embedded_logs(tmp_path) as embedded:
            yield embedded
        return
    kafka = pytest.importorskip("tests.support.kafka")
    async with kafka.kafka_logs() as factory:
        yield factory


@pytest.fixture
async def log(log_factory: LogFactory) -> Log:
    """Give one started log."""
    return await log_factory.open()
