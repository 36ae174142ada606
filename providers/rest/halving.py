"""A batch that a provider refuses for one of its items: halves of it are tried, until the ones to blame are alone."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar

from providers.rest.errors import AuthenticationError, ProviderFaultError, RateLimitedError, RefusedError

Item = TypeVar("Item")


async def by_halves(
    items: Sequence[Item], call: Callable[[Sequence[Item]], Awaitable[None]], statuses: Collection[int] = ()
) -> Mapping[Item, RefusedError]:
    """Make the call for all items, and return those that are refused however they are asked for, with the refusal.

    `statuses` are those that can be an item's fault, any refusal by default. Raises ApiError for trouble that is no
    item's fault: credentials, rates, the provider's or the network's failure, any other status. What was called before
    it stays done.
    """
    try:
        await call(items)
    except (AuthenticationError, RateLimitedError, ProviderFaultError):
        raise
    except RefusedError as error:
        if statuses and error.status not in statuses:
            raise
        if len(items) == 1:
            return {items[0]: error}
        middle = len(items) // 2
        first = await by_halves(items[:middle], call, statuses)
        return {**first, **await by_halves(items[middle:], call, statuses)}
    return {}
