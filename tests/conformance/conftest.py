"""Every test here runs on each implementation of the log.

The factories of the two halves are in `tests/support/logs.py` and `tests/support/kafka.py`.
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
    # Imported here, so that the embedded half needs nothing of Kafka.
    from tests.support.kafka import kafka_logs

    async with kafka_logs() as factory:
        yield factory


@pytest.fixture
async def log(log_factory: LogFactory) -> Log:
    """Give one started log."""
    return await log_factory.open()
