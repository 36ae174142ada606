"""What is polled: check, store, confirm, until the queue is empty; the blacklist by comparison."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from providers.contract import AccountError
from providers.messagemedia import blacklist_poll
from providers.messagemedia.blacklist_poll import BlacklistPoll
from providers.messagemedia.polls import FIRST_PAUSE, PATIENCE, REMEMBERED, QueuePoll, polls
from providers.messagemedia.queues import DELIVERY_REPORTS, REPLIES
from providers.rest.errors import ApiError, AuthenticationError, UnreadableAnswerError
from providers.roles import Poll, PollBatch
from tests.support.messagemedia_api import Reply, account_at, api_answering, client_of, example
from tests.support.messagemedia_state import FakeMessageMedia, fake_messagemedia, report

PATH = "/v1/delivery_reports"
BLACKLIST = "/v1/number_authorisation/mt/blacklist"


@asynccontextmanager
async def polling(name: str, **state: Any) -> AsyncGenerator[tuple[FakeMessageMedia, Poll]]:
    """Give an account with that state, and one poll of it."""
    async with fake_messagemedia(**state) as fake:
        (poll,) = polls(account_at(fake.url, polls=(name,), poll_every=30.0))
        try:
            yield fake, poll
        finally:
            await poll.close()


def reports(count: int, first: int = 1) -> dict[str, list[Any]]:
    """Return queues with so many reports."""
    return {"delivery_reports": [report(number) for number in range(first, first + count)], "replies": []}


def ids_of(batch: PollBatch) -> list[str]:
    """Return the report ids of a batch."""
    return [json.loads(item.body)["delivery_report_id"] for item in batch.items]


def numbers_of(batch: PollBatch) -> list[tuple[str, bool]]:
    """Return what a batch of the blacklist says."""
    return [(value["number"], value["listed"]) for value in (json.loads(item.body) for item in batch.items)]


async def until_empty(poll: Poll, most: int = 50) -> Sequence[PollBatch]:
    """Check and store as long as the poll asks to be asked again at once, and return all batches."""
    batches = []
    for _ in range(most):
        batch = await poll.check()
        batches.append(batch)
        await poll.stored(batch)
        if batch.again_after is None:
            return batches
    raise AssertionError("never empty")


async def test_check_store_confirm_until_empty() -> None:
    """Of 250 reports each is given once, oldest first, and confirmed after it is stored, 100 at a time."""
    async with polling("delivery_reports", queues=reports(250)) as (fake, poll):
        first = await poll.check()
        assert fake.confirmed == []
        await poll.stored(first)
        rest = await until_empty(poll)
    found = [one for batch in (first, *rest) for one in ids_of(batch)]
    assert found == [f"report-{number}" for number in range(1, 251)]
    assert [len(ids) for ids in fake.confirmed] == [100, 100, 50]
    assert sorted(one for ids in fake.confirmed for one in ids) == sorted(found)
    assert (first.again_after, rest[-1].items, rest[-1].again_after) == (0.0, (), None)


async def test_items_are_verbatim() -> None:
    """An item keeps the provider's bytes: order, blanks, long numbers; its target is the path that it came from."""
    item = b'{"b": 1.0,  "delivery_report_id":"r1", "n":123456789012345678901234567890}'
    async with api_answering(Reply(b'{"delivery_reports" : [ ' + item + b" ]}"), Reply(None, 202)) as api:
        poll = QueuePoll(client_of(api.url), DELIVERY_REPORTS, 30.0)
        (found,) = (await poll.check()).items
        await poll.close()
    assert (found.target, found.body) == (PATH, item)


async def test_replies_have_their_own_path() -> None:
    """Replies are polled and confirmed by reply ids."""
    async with polling("replies", queues={"replies": [{"reply_id": "r1"}], "delivery_reports": []}) as (fake, poll):
        batch = await poll.check()
        await poll.stored(batch)
    assert [item.target for item in batch.items] == ["/v1/replies"]
    assert fake.asked == ["GET /v1/replies", "POST /v1/replies/confirmed"]
    assert fake.confirmed == [["r1"]]


async def test_published_answers_are_cut_into_items() -> None:
    """Each published report and reply becomes an item of its own."""
    for name, queue in (("delivery_reports", DELIVERY_REPORTS), ("replies", REPLIES)):
        answer = example(f"rest_check_{name}_response_200")
        async with api_answering(Reply(answer)) as api:
            poll = QueuePoll(client_of(api.url), queue, 30.0)
            batch = await poll.check()
            await poll.close()
        assert [json.loads(item.body) for item in batch.items] == answer[name]


async def test_what_is_confirmed_is_not_given_again() -> None:
    """The confirmation takes effect later: what is still shown is no news, and new items beside it are."""
    async with polling("delivery_reports", queues=reports(2), lag=5) as (fake, poll):
        await poll.stored(await poll.check())
        assert (await poll.check()).items == ()
        fake.queues["delivery_reports"].append(report(3))
        batch = await poll.check()
        await poll.stored(batch)
    assert ids_of(batch) == ["report-3"]
    assert fake.confirmed == [["report-1", "report-2"], ["report-3"]]


async def test_full_page_of_stale_items_is_asked_again_soon() -> None:
    """While a full page of confirmed items may hide newer ones, the poll waits a little, then longer."""
    async with polling("delivery_reports", queues=reports(101), lag=3) as (_, poll):
        batches = await until_empty(poll)
    assert [batch.again_after for batch in batches] == [0.0, FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4, 0.0, None]
    assert ids_of(batches[-2]) == ["report-101"]


async def test_short_page_of_stale_items_hides_nothing() -> None:
    """Where the page is not full there is nothing behind it: the usual interval holds."""
    async with polling("delivery_reports", queues=reports(99), lag=9) as (_, poll):
        batches = await until_empty(poll)
    assert [batch.again_after for batch in batches] == [0.0, None]


async def test_lost_confirmation_is_made_again() -> None:
    """A confirmation without effect is repeated after a bounded number of checks, and then the interval holds."""
    async with polling("delivery_reports", queues=reports(101), losing=True) as (fake, poll):
        batches = await until_empty(poll)
        assert len(batches) == 1 + PATIENCE + 1
        assert fake.confirmed[0] == fake.confirmed[1]
        fake.losing = False
        await until_empty(poll)
        assert ids_of(await poll.check()) == ["report-101"]


async def test_queue_of_somebody_else_is_read_alone() -> None:
    """An account that leaves confirming to others is polled, each item once, and nothing is confirmed."""
    async with fake_messagemedia(queues=reports(101)) as fake:
        (poll,) = polls(account_at(fake.url, polls=("delivery_reports",), confirm=False))
        first = await poll.check()
        await poll.stored(first)
        second = await poll.check()
        await poll.close()
    assert (len(first.items), first.again_after) == (100, None)
    assert (second.items, second.again_after) == ((), None)
    assert fake.confirmed == []


async def test_failed_confirmation_brings_the_batch_again() -> None:
    """Where confirming fails the items come again, to be stored under the same ids."""
    line = "POST /v1/delivery_reports/confirmed"
    async with fake_messagemedia(queues=reports(2), failing={line}) as fake:
        poll = QueuePoll(client_of(fake.url), DELIVERY_REPORTS, 30.0)
        batch = await poll.check()
        with pytest.raises(ApiError):
            await poll.stored(batch)
        fake.failing.clear()
        assert await poll.check() == batch
        await poll.stored(batch)
        assert (await poll.check()).items == ()
        await poll.close()


async def test_item_without_an_id_is_given_once() -> None:
    """What cannot be confirmed is kept all the same, once, and asked for by nobody."""
    broken: list[Any] = [{"status": "delivered"}, "text", {"delivery_report_id": 7}, report(1)]
    state = {"delivery_reports": list(broken), "replies": []}
    async with polling("delivery_reports", queues=state) as (fake, poll):
        batch = await poll.check()
        await poll.stored(batch)
        assert (await poll.check()).items == ()
    assert [json.loads(item.body) for item in batch.items] == broken
    assert fake.confirmed == [["report-1"]]


async def test_item_shown_twice_is_given_once() -> None:
    """The same report twice on a page is one item."""
    async with polling("delivery_reports", queues={"delivery_reports": [report(1)] * 2, "replies": []}) as (_, poll):
        assert ids_of(await poll.check()) == ["report-1"]


async def test_memory_of_confirmed_items_is_bounded() -> None:
    """The oldest are forgotten: at worst they are stored once more under the same ids."""
    async with api_answering(Reply(None, 202)) as api:
        poll = QueuePoll(client_of(api.url), DELIVERY_REPORTS, 30.0)
        for start in range(0, REMEMBERED + 200, 100):
            await poll.stored(PollBatch(token=tuple(f"r{number}" for number in range(start, start + 100))))
        await poll.close()
    assert len(poll._stored) == REMEMBERED
    assert "r0" not in poll._stored


@pytest.mark.parametrize("name", ["delivery_reports", "replies"])
async def test_refused_check_says_that_it_may_be_off(name: str) -> None:
    """A 403 can mean that checking was never switched on for the account."""
    async with api_answering(Reply({"message": "Forbidden"}, 403)) as api:
        (poll,) = polls(account_at(api.url, polls=(name,)))
        with pytest.raises(AuthenticationError, match="off by default"):
            await poll.check()
        await poll.close()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]"])
async def test_answer_that_is_none(body: bytes) -> None:
    """An empty answer is an error that says the same, never an empty queue."""
    async with api_answering(Reply(body)) as api:
        poll = QueuePoll(client_of(api.url), REPLIES, 30.0)
        with pytest.raises(UnreadableAnswerError, match="off by default"):
            await poll.check()
        await poll.close()


async def test_blacklist_is_given_whole_at_first() -> None:
    """The first look gives every number on it, page after page, and the next look nothing."""
    async with polling("blacklist", blacklist=[f"+614915{number:05}" for number in range(250)]) as (fake, poll):
        (batch,) = await until_empty(poll)
        assert (await poll.check()).items == ()
    assert numbers_of(batch) == [(f"+614915{number:05}", True) for number in range(250)]
    assert {item.target for item in batch.items} == {BLACKLIST}
    assert fake.asked == [f"GET {BLACKLIST}"] * 6


async def test_blacklist_gives_changes_alone() -> None:
    """Later looks give who came and who left."""
    async with polling("blacklist", blacklist=["+61491570156", "+61491570157"]) as (fake, poll):
        await until_empty(poll)
        fake.blacklist = ["+61491570157", "+61491570110"]
        (batch,) = await until_empty(poll)
    assert numbers_of(batch) == [("+61491570110", True), ("+61491570156", False)]


async def test_number_that_the_list_skipped_has_not_left() -> None:
    """A list that changed while it was read says nothing certain: the provider is asked by name."""
    async with polling("blacklist", blacklist=["+61491570156", "+61491570157"]) as (fake, poll):
        await until_empty(poll)
        fake.blacklist, fake.skipped = [], ["+61491570156"]
        (batch,) = await until_empty(poll)
    assert numbers_of(batch) == [("+61491570157", False)]


async def test_number_that_cannot_be_asked_for_stays_listed() -> None:
    """Where nobody says that a number may be written to it counts as listed, and is asked for again."""
    line = "GET /v1/number_authorisation/is_authorised/+61491570156"
    async with fake_messagemedia(blacklist=["+61491570156"], failing={line}) as fake:
        poll = BlacklistPoll(client_of(fake.url), 30.0)
        await until_empty(poll)
        fake.blacklist = ["+61491570157"]
        assert numbers_of((await until_empty(poll))[0]) == [("+61491570157", True)]
        fake.failing.clear()
        assert numbers_of((await until_empty(poll))[0]) == [("+61491570156", False)]
        await poll.close()


async def test_entry_that_is_no_number_leaves_without_asking() -> None:
    """The provider takes nothing but E.164 in a question: an odd entry is compared alone."""
    async with polling("blacklist", blacklist=["Shop", "+61491570156"]) as (fake, poll):
        await until_empty(poll)
        fake.blacklist = ["+61491570156"]
        (batch,) = await until_empty(poll)
    assert numbers_of(batch) == [("Shop", False)]
    assert not any("is_authorised" in line for line in fake.asked)


async def test_blacklist_comes_in_bounded_batches() -> None:
    """Many changes are given batch after batch from one reading of the list."""
    async with polling("blacklist", blacklist=[f"+614915{number:05}" for number in range(1001)]) as (fake, poll):
        batches = await until_empty(poll)
    assert [len(batch.items) for batch in batches] == [500, 500, 1]
    assert [batch.again_after for batch in batches] == [0.0, 0.0, None]
    assert len(fake.asked) == 11


async def test_blacklist_batch_that_is_not_stored_comes_again() -> None:
    """Only what is durable counts as known."""
    async with polling("blacklist", blacklist=["+61491570156"]) as (_, poll):
        batch = await poll.check()
        assert await poll.check() == batch


async def test_blacklist_that_cannot_be_read_changes_nothing() -> None:
    """An error, or an answer that is no list, is never taken for a list that everybody has left."""
    listed = Reply({"numbers": ["+61491570156"]})
    async with api_answering(listed, Reply({}), Reply({"numbers": None}), listed) as api:
        poll = BlacklistPoll(client_of(api.url), 30.0)
        await poll.stored(await poll.check())
        for _ in range(2):
            with pytest.raises(UnreadableAnswerError):
                await poll.check()
        assert (await poll.check()).items == ()
        await poll.close()


async def test_blacklist_that_is_too_long_loses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a list that is cut nobody can be said to have left it."""
    async with polling("blacklist", blacklist=["+61491570157", "+61491570158"]) as (fake, poll):
        await until_empty(poll)
        monkeypatch.setattr(blacklist_poll, "MOST_NUMBERS", 200)
        fake.blacklist = [f"+614915{number:05}" for number in range(300)]
        (batch,) = await until_empty(poll)
    assert numbers_of(batch) == [(f"+614915{number:05}", True) for number in range(200)]


async def test_endless_blacklist_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list whose pages never stop is read as far as the bound."""
    monkeypatch.setattr(blacklist_poll, "MOST_NUMBERS", 3)
    pages = [Reply({"numbers": ["+61491570156"], "pagination": {"page": str(place)}}) for place in range(9)]
    async with api_answering(*pages) as api:
        poll = BlacklistPoll(client_of(api.url), 30.0)
        assert numbers_of(await poll.check()) == [("+61491570156", True)]
        await poll.close()
    assert len(api.seen) == 3


async def test_page_that_is_named_twice_ends_the_blacklist() -> None:
    """The published page names a next one that may be itself: the list is then whole."""
    page = Reply({"numbers": ["+61491570156"], "pagination": {"page": "0"}})
    async with api_answering(page) as api:
        poll = BlacklistPoll(client_of(api.url), 30.0)
        assert numbers_of(await poll.check()) == [("+61491570156", True)]
        await poll.close()
    assert [seen.target.partition("?")[2] for seen in api.seen] == ["", "token=0"]


async def test_long_blacklist_takes_several_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check reads a bounded number of pages and asks to go on at once; the changes come when all is read."""
    monkeypatch.setattr(blacklist_poll, "PAGES", 2)
    async with polling("blacklist", blacklist=[f"+614915{number:05}" for number in range(450)]) as (fake, poll):
        batches = await until_empty(poll)
    assert [(len(batch.items), batch.again_after) for batch in batches] == [(0, 0.0), (0, 0.0), (450, None)]
    assert len(fake.asked) == 5


async def test_broken_look_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error the list is read from its first page: a token may have lost its meaning."""
    monkeypatch.setattr(blacklist_poll, "PAGES", 1)
    first = Reply({"numbers": ["+61491570156"], "pagination": {"page": "t"}})
    last = Reply({"numbers": ["+61491570157"]})
    async with api_answering(first, Reply(b"", 400), first, last) as api:
        poll = BlacklistPoll(client_of(api.url), 30.0)
        await poll.check()
        with pytest.raises(ApiError):
            await poll.check()
        (found,) = [batch for batch in await until_empty(poll) if batch.items]
        await poll.close()
    assert len(found.items) == 2
    assert [seen.target.partition("?")[2] for seen in api.seen] == ["", "token=t", "", "token=t"]


async def test_polls_are_opt_in() -> None:
    """An account polls what it names, in its own order, and nothing by itself."""
    account = account_at("https://x", polls=("blacklist", "delivery_reports"), poll_every=7.0)
    found = polls(account)
    assert [(poll.name, poll.every) for poll in found] == [("blacklist", 7.0), ("delivery_reports", 7.0)]
    assert polls(account_at("https://x")) == ()
    for poll in found:
        await poll.close()


def test_polls_that_cannot_be() -> None:
    """An unknown poll, or an account without credentials, is refused with its name."""
    with pytest.raises(AccountError, match="no poll 'messages'"):
        polls(account_at("https://x", polls=("messages",)))
    with pytest.raises(AccountError, match="no api_key"):
        polls(account_at("https://x", polls=("replies",), api_key=None))
