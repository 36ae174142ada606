"""A consumer with its state in a file, killed under traffic: nobody gets two answers, nobody none without a reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kafka import own_cluster
from tests.support.killing_run import IN_FULL, SHORT_SESSIONS, Scale, killed

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    """Give a Kafka that takes sessions as short as ours."""
    with own_cluster(extra=SHORT_SESSIONS) as cluster:
        yield cluster.bootstrap


@pytest.mark.skipif(not IN_FULL, reason="`make kills` runs it: it takes over a minute")
async def test_kills_on_sqlite_give_nobody_two_answers_and_nobody_none_unexplained(
    servers: str, tmp_path: Path
) -> None:
    """One process, which is killed three times; its successor waits until the dead one's place is free."""
    await killed(servers, tmp_path, f"sqlite:///{tmp_path / 'state.db'}", Scale(kills=3, members=1, rate=5.0))
