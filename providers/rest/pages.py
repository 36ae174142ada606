"""Lists that a provider gives in pages: all items by `async for`, or the pages one by one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
MOST_PAGES = 100_000
"""Pages of one list; what is longer is no list that anybody reads to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page. `place` is where it stands (a number, an offset or a token), `next_place` None on the last one."""

    items: tuple[T, ...]
    place: Any
    next_place: Any = None
    total: int | None = None


class Pages(Generic[T]):
    """A list of the provider's. Iterating asks for one page after another, as far as the reader goes."""

    def __init__(self, fetch: Callable[[Any], Awaitable[Page[T]]], first: Any) -> None:
        """`fetch` gets the page at a place; `first` is the place of the first page."""
        self._fetch = fetch
        self._first = first

    def __aiter__(self) -> AsyncIterator[T]:
        """Yield every item. Raises ApiError."""
        return self._items()

    async def page(self, place: Any = None) -> Page[T]:
        """Return the page at a place, the first one by default. Raises ApiError."""
        return await self._fetch(self._first if place is None else place)

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Yield every page. Raises ApiError.

        A provider that names a page twice ends the list, and so does one that gives the same page again under another
        name, and one that goes on for ever.
        """
        seen: set[Any] = set()
        place, last = self._first, None
        while place is not None and place not in seen and len(seen) < MOST_PAGES:
            seen.add(place)
            page = await self._fetch(place)
            if page.items and page.items == last:
                return
            yield page
            place, last = page.next_place, page.items

    async def _items(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item
