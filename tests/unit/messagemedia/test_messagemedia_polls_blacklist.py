"""The blacklist as a poll: whole at first, then by comparison with what was seen before."""

import json

import pytest

from providers.messagemedia import blacklist_poll
from providers.messagemedia.blacklist_poll import BlacklistPoll
from providers.rest.errors import ApiError, UnreadableAnswerError
from providers.roles import PollBatch
from tests.support.messagemedia_api import Reply, api_answering, client_of
from tests.support.messagemedia_state import fake_messagemedia, polling, until_empty

BLACKLIST = "/v1/number_authorisation/mt/blacklist"


def numbers_of(batch: PollBatch) -> list[tuple[str, bool]]:
    """Return what a batch of the blacklist says."""
    return [(value["number"], value["listed"]) for value in (json.loads(item.body) for item in batch.items)]


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
    pages = [Reply({"numbers": [f"+6149157015{at}"], "pagination": {"page": str(at)}}) for at in range(9)]
    async with api_answering(*pages) as api:
        poll = BlacklistPoll(client_of(api.url), 30.0)
        assert numbers_of(await poll.check()) == [(f"+6149157015{at}", True) for at in range(3)]
        await poll.close()
    assert len(api.seen) == 3


async def test_blacklist_that_goes_round_ends() -> None:
    """A page with nothing new under another name says that there is no end; nobody has left by it."""
    pages = [Reply({"numbers": ["+61491570156"], "pagination": {"page": str(place)}}) for place in range(9)]
    async with api_answering(*pages) as api:
        poll = BlacklistPoll(client_of(api.url), 30.0)
        assert numbers_of(await poll.check()) == [("+61491570156", True)]
        await poll.close()
    assert len(api.seen) == 2


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
