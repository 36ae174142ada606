"""What the tests of the consumers begin with: a loop's bench, and a state on either database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from consumers.state.database import Database
from tests.conftest import FakeClock
from tests.support.consumers import Bench
from tests.support.consumers_seen import Seen
from tests.support.mirroring import Mirroring
from tests.support.old_handler import old_handler
from tests.support.postgresql import postgresql_url
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


@pytest.fixture(params=["sqlite", "postgresql"])
async def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Give the URL of a new, empty state, once on each database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'deep' / 'state.db'}"
        return
    given = postgresql_url()
    yield await asyncio.to_thread(given.__enter__)
    await asyncio.to_thread(given.__exit__, None, None, None)


@pytest.fixture
async def database(state_url: str) -> AsyncIterator[Database]:
    """Give an open state, once on each database."""
    made = Database(state_url)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def mirroring(clock: FakeClock) -> AsyncIterator[Mirroring]:
    """Give a mirror and its old handler."""
    async with AsyncExitStack() as stack:
        made = Mirroring(await stack.enter_async_context(old_handler()), clock)
        stack.push_async_callback(made.handlers.close)
        yield made
