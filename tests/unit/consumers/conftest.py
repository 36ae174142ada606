"""What the tests of the consume loop begin with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.consumers import Bench
from tests.support.consumers_seen import Seen
from tests.support.sending import Office, opened_office


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Give a loop's bench and drain it at the end."""
    made = Bench()
    yield made
    made.log.away = made.log.hang = False
    await made.stop()


@pytest.fixture
def seen() -> Seen:
    """Return a handler."""
    return Seen()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """Give an office with an open ledger."""
    async with opened_office(tmp_path) as made:
        yield made
