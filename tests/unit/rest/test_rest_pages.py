"""Lists in pages: item by item, page by page, and no further than the reader goes."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from providers.rest.errors import ApiError, NotConnectedError
from providers.rest.pages import Page, Pages


def listing(*pages: Page[str]) -> tuple[Pages[str], list[Any]]:
    """Return a list of those pages, and the places that were asked for."""
    asked: list[Any] = []
    by_place = {page.place: page for page in pages}

    async def fetch(place: Any) -> Page[str]:
        asked.append(place)
        return by_place[place]

    return Pages(fetch, pages[0].place), asked


ONE = Page(items=("a", "b"), place=1, next_place=2, total=3)
TWO = Page(items=("c",), place=2)


async def test_all_items() -> None:
    """Iterating yields the items of every page in order."""
    pages, asked = listing(ONE, TWO)
    assert [item async for item in pages] == ["a", "b", "c"]
    assert asked == [1, 2]


async def test_may_be_read_again() -> None:
    """Each iteration begins at the first page."""
    pages, asked = listing(ONE, TWO)
    assert [item async for item in pages] == [item async for item in pages]
    assert asked == [1, 2, 1, 2]


async def test_reads_no_further_than_asked() -> None:
    """A reader who has enough causes no call."""
    pages, asked = listing(ONE, TWO)
    async for item in pages:
        if item == "b":
            break
    assert asked == [1]


async def test_one_page() -> None:
    """A page is reached by its place; the first one without."""
    pages, _ = listing(ONE, TWO)
    assert await pages.page() == ONE
    assert await pages.page(2) == TWO


async def test_pages_one_by_one() -> None:
    """The pages themselves can be gone through."""
    pages, _ = listing(ONE, TWO)
    assert [page.total async for page in pages.pages()] == [3, None]


async def test_list_that_leads_back_ends() -> None:
    """A provider that names a page twice does not keep us for ever."""
    pages, asked = listing(ONE, Page(items=("c",), place=2, next_place=1))
    assert [item async for item in pages] == ["a", "b", "c"]
    assert asked == [1, 2]


async def test_error_reaches_the_reader() -> None:
    """What a call raises is raised where the item would have been."""

    async def fetch(_place: Any) -> Page[str]:
        raise NotConnectedError("list: no connection")

    failing: Callable[[Any], Awaitable[Page[str]]] = fetch
    with pytest.raises(ApiError):
        await anext(aiter(Pages(failing, 0)))


async def test_place_may_be_zero() -> None:
    """An offset of 0 is a place."""
    pages, asked = listing(Page(items=("a",), place=0))
    assert await pages.page(0) == Page(items=("a",), place=0)
    assert asked == [0]
