"""A batch that a provider refuses for one of its items: halves of it are tried, until the ones to blame are alone."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar

from providers.rest.errors import AuthenticationError, ProviderFaultError, RateLimitedError, RefusedError

Item = TypeVar("Item")
_NOT_FOUND = 404


async def by_halves(
    items: Sequence[Item], call: Callable[[Sequence[Item]], Awaitable[None]], statuses: Collection[int] = ()
) -> Mapping[Item, RefusedError]:
    """Make the call for all items, and return those that are refused however they are asked for, with the refusal.

    `statuses` are those that can be an item's fault, any refusal by default; 404 is one where an item was asked for
    alone, since a wrong address answers so too. Raises ApiError for trouble that is no item's fault: credentials,
    rates, the provider's or the network's failure. What was called before it stays done.
    """
    try:
        await call(items)
    except (AuthenticationError, RateLimitedError, ProviderFaultError):
        raise
    except RefusedError as error:
        alone = len(items) == 1 and error.status == _NOT_FOUND
        if statuses and error.status not in statuses and not alone:
            raise
        if len(items) == 1:
            return {items[0]: error}
        middle = len(items) // 2
        first = await by_halves(items[:middle], call, statuses)
        return {**first, **await by_halves(items[middle:], call, statuses)}
    return {}
