"""A batch of which the provider refuses a part."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.rest.errors import AuthenticationError, NotFoundError, ProviderFaultError, RateLimitedError, RefusedError
from providers.rest.halving import by_halves


class Taker:
    """Takes what is no poison."""

    def __init__(self, poison: frozenset[int], error: RefusedError | None = None) -> None:
        self.poison = poison
        self.error = error or RefusedError(400, ())
        self.taken: list[int] = []
        self.calls = 0

    async def __call__(self, items: Sequence[int]) -> None:
        """Take all or nothing."""
        self.calls += 1
        if self.poison & set(items):
            raise self.error
        self.taken += items


@given(st.integers(1, 130), st.frozensets(st.integers(0, 129), max_size=5))
async def test_all_but_the_refused_are_taken_once(count: int, poison: frozenset[int]) -> None:
    """In their order, whichever they are."""
    taker = Taker(poison)
    refused = await by_halves(range(count), taker)
    assert list(refused) == sorted(one for one in poison if one < count)
    assert taker.taken == [one for one in range(count) if one not in poison]


async def test_what_is_taken_whole_is_one_call() -> None:
    """Nothing is halved without need."""
    taker = Taker(frozenset())
    assert await by_halves(range(100), taker) == {}
    assert taker.calls == 1


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize(
    "error",
    [AuthenticationError(403, ()), RateLimitedError(429, ()), ProviderFaultError(503, ()), NotFoundError(404, ())],
)
async def test_trouble_that_is_no_items_fault_is_raised_at_once(error: RefusedError, count: int) -> None:
    """A status that no item can be to blame for among them, also of one that is asked for alone."""
    taker = Taker(frozenset({0}), error)
    with pytest.raises(type(error)):
        await by_halves(range(count), taker, (400,))
    assert taker.calls == 1
