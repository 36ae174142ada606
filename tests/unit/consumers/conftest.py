"""What the tests of the consume loop begin with."""

from collections.abc import AsyncIterator

import pytest

from tests.support.consumers import Bench
from tests.support.consumers_seen import Seen


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
