"""Consumers killed again and again under traffic: nobody gets two answers, and nobody none without a reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kafka import own_cluster
from tests.support.killing_run import KILLS, SHORT_SESSIONS, Scale, killed
from tests.support.postgresql import postgresql_url

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    """Give a Kafka that takes sessions as short as ours."""
    with own_cluster(extra=SHORT_SESSIONS) as cluster:
        yield cluster.bootstrap


async def test_kills_give_nobody_two_answers_and_nobody_none_unexplained(servers: str, tmp_path: Path) -> None:
    """Two processes on PostgreSQL, one of them killed in turn at random moments; the other works on."""
    with postgresql_url() as state:
        await killed(servers, tmp_path, state, Scale(kills=KILLS, members=2, rate=12.0))
