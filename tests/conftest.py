"""What every test shares: a blocked event loop is an error, and the clock is ours."""

from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx


@pytest.fixture(autouse=True)
def _blocked_loop_is_an_error(request: pytest.FixtureRequest) -> Iterator[BlockBuster | None]:
    """Fail the test whose coroutine makes a blocking call, in the product's own code."""
    if request.node.get_closest_marker("may_block"):
        yield None
        return
    with blockbuster_ctx(["hookline", "ingest", "consumers", "broker", "providers", "schemas"]) as detector:
        yield detector


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
