"""The poll of opt-outs: its spans of time, its pages, and what it does when something fails."""

import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from providers.contract import AccountError, Secret
from providers.rest.errors import ApiError, UnreadableAnswerError
from providers.rest.transport import Tempo
from providers.telnyx.access import transport
from providers.telnyx.polls import OVERLAP, OptOutPoll, polls
from schemas.times import parse_time
from tests.conftest import FakeClock
from tests.support.rest_server import Reply, RestServer, rest_server
from tests.support.telnyx import account_of
from tests.support.telnyx_calls import KEY, refusal

LOOKBACK = 86_400.0
SECOND, THIRD = b'{"to": "+13125550102"}', b'{"to": "+13125550103"}'
ITEM = b'{"to" : "+13125550101",  "n":1.50, "from":"\\u002b17735550100"}'


def listed(*items: bytes, page: int = 1, pages: int = 1) -> Reply:
    """Return a page of the list with items as they stand."""
    meta = b'{"page_number": %d, "page_size": 250, "total_pages": %d, "total_results": 9}' % (page, pages)
    return Reply(b'{"meta": %s, "data": [\n%s ]}' % (meta, b" ,".join(items)))


@asynccontextmanager
async def polling(clock: FakeClock, *replies: Reply) -> AsyncGenerator[tuple[OptOutPoll, RestServer]]:
    """Play answers and give a poll that asks for them."""
    async with rest_server(*replies, prefix="/v2") as server:
        poll = OptOutPoll(transport(server.url, KEY, Tempo(retries=0)), 60.0, LOOKBACK, clock)
        try:
            yield poll, server
        finally:
            await poll.close()


def span(query: Mapping[str, str]) -> tuple[float, float]:
    """Return the seconds since 1970 between which was asked."""
    begin, end = (parse_time(query[f"created_at[{side}]"]) for side in ("gte", "lte"))
    assert begin is not None
    assert end is not None
    return begin.timestamp(), end.timestamp()


def queries(server: RestServer) -> list[dict[str, str]]:
    """Return the query of each request."""
    return [dict(request.query) for request in server.requests]


async def test_first_poll_looks_back(clock: FakeClock) -> None:
    """After a start the poll asks for what came in the time to look back, with whole numbers."""
    async with polling(clock, listed(ITEM)) as (poll, server):
        batch = await poll.check()
    (query,) = queries(server)
    assert (server.last.method, server.last.path) == ("GET", "/v2/messaging_optouts")
    assert span(query) == (clock.now - LOOKBACK, clock.now)
    assert (query["redaction_enabled"], query["page[number]"], query["page[size]"]) == ("false", "1", "250")
    assert [(item.target, item.body) for item in batch.items] == [("/messaging_optouts", ITEM)]
    assert batch.again_after is None


async def test_next_poll_overlaps_the_last(clock: FakeClock) -> None:
    """The next span begins some minutes before the end of the last one, and ends now."""
    async with polling(clock, listed(), listed()) as (poll, server):
        first = clock.now
        await poll.stored(await poll.check())
        clock.advance(3600)
        await poll.check()
    assert span(queries(server)[1]) == (first - OVERLAP, clock.now)


async def test_what_the_last_span_held_is_passed_over(clock: FakeClock) -> None:
    """An item of the overlap is stored once; the same block with other bytes is another item."""
    other = ITEM.replace(b"1.50", b"1.5")
    pages = listed(ITEM, page=1, pages=2), listed(other, page=2, pages=2), listed(ITEM, b'{"n":2}', other)
    async with polling(clock, *pages, listed(), listed(ITEM)) as (poll, _):
        found: list[list[bytes]] = []
        for _turn in range(5):
            batch = await poll.check()
            await poll.stored(batch)
            found.append([item.body for item in batch.items])
    assert found == [[ITEM], [other], [b'{"n":2}'], [], [ITEM]]


async def test_pages_of_one_span(clock: FakeClock) -> None:
    """More pages are asked for at once and in the span of the first, although time passes."""
    replies = listed(ITEM, page=1, pages=2), listed(SECOND, THIRD, page=2, pages=2), listed()
    async with polling(clock, *replies) as (poll, server):
        first = await poll.check()
        await poll.stored(first)
        clock.advance(30)
        second = await poll.check()
        await poll.stored(second)
        await poll.check()
    one, two, three = queries(server)
    assert (first.again_after, second.again_after) == (0.0, None)
    assert (len(first.items), len(second.items)) == (1, 2)
    assert span(one) == span(two)
    assert (two["page[number]"], three["page[number]"]) == ("2", "1")
    assert span(three)[0] == clock.now - 30 - OVERLAP


async def test_what_is_not_stored_comes_again(clock: FakeClock) -> None:
    """Without word that the batch is durable the same page is asked for again."""
    async with polling(clock, listed(ITEM), listed(ITEM)) as (poll, server):
        await poll.check()
        clock.advance(60)
        await poll.check()
    one, two = queries(server)
    assert one == two


async def test_trouble_moves_nothing(clock: FakeClock) -> None:
    """A check that failed is made again for the same span."""
    async with polling(clock, refusal(500, "10007"), listed(ITEM)) as (poll, server):
        with pytest.raises(ApiError):
            await poll.check()
        clock.advance(60)
        await poll.check()
    one, two = queries(server)
    assert one == two


@pytest.mark.parametrize("item", [b'{"data": [%s]}' % ITEM, b'{"meta": {"total_pages": 9}, "data": [%s]}' % ITEM])
async def test_page_with_nothing_new_ends_the_span(clock: FakeClock, item: bytes) -> None:
    """A server that gives the same page whatever it is asked is asked twice, and its item is stored once."""
    async with polling(clock, Reply(item), Reply(item), Reply(item)) as (poll, server):
        first = await poll.check()
        await poll.stored(first)
        second = await poll.check()
        await poll.stored(second)
        third = await poll.check()
    assert [query["page[number]"] for query in queries(server)] == ["1", "2", "1"]
    assert (first.again_after, second.again_after) == (0.0, None)
    assert (len(first.items), len(second.items), len(third.items)) == (1, 0, 0)
    assert span(queries(server)[2])[0] == clock.now - OVERLAP


async def test_items_seen_in_the_span_are_not_given_again(clock: FakeClock) -> None:
    """Of a page that overlaps the one before it only the rest is new, and the list goes on."""
    async with polling(clock, listed(ITEM, SECOND, pages=3), listed(SECOND, THIRD, page=2, pages=3)) as (poll, _):
        await poll.stored(await poll.check())
        second = await poll.check()
    assert [item.body for item in second.items] == [THIRD]
    assert second.again_after == 0.0


async def test_long_list_is_read_on_after_the_usual_pause(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many pages the poll pauses, and goes on where it stood: nothing of a long list is lost."""
    monkeypatch.setattr(sys.modules[OptOutPoll.__module__], "MOST_PAGES", 2)
    pages = [listed(item, page=at, pages=4) for at, item in enumerate((ITEM, SECOND, THIRD), 1)]
    async with polling(clock, *pages) as (poll, server):
        pauses: list[float | None] = []
        for _ in pages:
            batch = await poll.check()
            await poll.stored(batch)
            pauses.append(batch.again_after)
            clock.advance(60)
    assert pauses == [0.0, None, 0.0]
    assert [query["page[number]"] for query in queries(server)] == ["1", "2", "3"]
    assert len({span(query) for query in queries(server)}) == 1


async def test_refused_page_begins_the_span_anew(clock: FakeClock) -> None:
    """After a 4xx the next check asks for the first page, from the same beginning until now."""
    async with polling(clock, listed(ITEM, pages=3), refusal(400, "10015"), listed(ITEM)) as (poll, server):
        begin = clock.now - LOOKBACK
        await poll.stored(await poll.check())
        with pytest.raises(ApiError):
            await poll.check()
        clock.advance(60)
        batch = await poll.check()
    assert [query["page[number]"] for query in queries(server)] == ["1", "2", "1"]
    assert span(queries(server)[2]) == (begin, clock.now)
    assert [item.body for item in batch.items] == [ITEM]


async def test_too_many_calls_begin_nothing_anew(clock: FakeClock) -> None:
    """A 429 is about the moment: the same page is asked for again."""
    async with polling(clock, listed(ITEM, pages=3), refusal(429, "10011"), listed(SECOND)) as (poll, server):
        await poll.stored(await poll.check())
        with pytest.raises(ApiError):
            await poll.check()
        clock.advance(60)
        await poll.check()
    one, two, three = queries(server)
    assert two == three
    assert span(one) == span(three)


async def test_clock_that_was_put_back_leaves_no_gap(clock: FakeClock) -> None:
    """The next span begins before the earlier of the two times."""
    async with polling(clock, listed(), listed()) as (poll, server):
        await poll.stored(await poll.check())
        clock.advance(-7200)
        await poll.check()
    assert span(queries(server)[1]) == (clock.now - OVERLAP, clock.now)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data": {}}', b'{"data": [1}', b'{"data": []} x'])
async def test_answer_that_is_no_list(clock: FakeClock, body: bytes) -> None:
    """A success that is no list is trouble, and not an empty list."""
    async with polling(clock, Reply(body)) as (poll, _):
        with pytest.raises(UnreadableAnswerError):
            await poll.check()


async def test_polls_of_an_account() -> None:
    """A poll runs where it is asked for, with the account's pace."""
    (poll,) = polls(account_of(api_key=KEY, polls=("opt_outs",), poll_every=5.0))
    assert (poll.name, poll.every) == ("opt_outs", 5.0)
    await poll.close()
    assert polls(account_of()) == ()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"polls": ("replies",), "api_key": KEY}, "no poll 'replies'"),
        ({"polls": ("opt_outs",)}, "no api_key"),
        ({"polls": ("opt_outs",), "api_key": Secret("K", "env:K"), "base_url": "x"}, "base_url"),
    ],
)
def test_account_that_cannot_poll(settings: dict[str, Any], words: str) -> None:
    """What keeps an account from polling is said at the start."""
    with pytest.raises(AccountError, match=words):
        polls(account_of(**settings))
