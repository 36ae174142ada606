"""What every test shares: a blocked event loop is an error, and the clock is ours."""

import logging
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
import structlog
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import settings

# A busy machine makes a quick example slow; what must be quick has a test of its own.
settings.register_profile("hookline", deadline=None)
settings.load_profile("hookline")


@pytest.fixture(autouse=True)
def _blocked_loop_is_an_error(request: pytest.FixtureRequest) -> Iterator[BlockBuster | None]:
    """Fail the test whose coroutine makes a blocking call, in the product's own code."""
    if request.node.get_closest_marker("may_block"):
        yield None
        return
    with blockbuster_ctx(["hookline", "ingest", "consumers", "broker", "providers", "schemas"]) as detector:
        yield detector


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are() -> Iterator[None]:
    """Undo what a test configures; a logger that is kept would write to that test's stream for ever."""
    configure, kept = structlog.configure, structlog.get_config()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def without_keeping(**options: Any) -> None:
        configure(**options | {"cache_logger_on_first_use": False})

    with mock.patch.object(structlog, "configure", without_keeping):
        yield
    configure(**kept)
    root.handlers[:] = handlers
    root.setLevel(level)


class FakeClock:
    """A clock that a test moves. It reads Unix seconds."""

    def __init__(self, now: float = 1_767_225_600.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time that the test has set."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that stands at 2026-01-01 00:00 UTC."""
    return FakeClock()
