"""What is polled: check, store, confirm, until the queue is empty."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.contract import AccountError
from providers.messagemedia.api.queues import DELIVERY_REPORTS, REPLIES
from providers.messagemedia.polls import FIRST_PAUSE, PATIENCE, REMEMBERED, QueuePoll, polls
from providers.rest.errors import ApiError, AuthenticationError, RefusedError, UnreadableAnswerError
from providers.roles import PollBatch
from tests.support.messagemedia_api import Reply, account_at, api_answering, client_of, example
from tests.support.messagemedia_state import fake_messagemedia, polling, report, until_empty

PATH = "/v1/delivery_reports"


def reports(count: int) -> dict[str, list[Any]]:
    """Return queues with so many reports."""
    return {"delivery_reports": [report(number) for number in range(1, count + 1)], "replies": []}


def ids_of(batch: PollBatch) -> list[str]:
    """Return the report ids of a batch."""
    return [json.loads(item.body)["delivery_report_id"] for item in batch.items]


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


async def test_refused_id_keeps_nobody_else_in_the_queue() -> None:
    """The others of its page are confirmed, the refusal is told once, and it is not asked for again."""
    state = {"queues": reports(100), "unknown": {"report-37", "report-38"}}
    async with polling("delivery_reports", **state) as (fake, poll):
        batch = await poll.check()
        with pytest.raises(RefusedError, match="confirm_delivery_reports: 2 given up"):
            await poll.stored(batch)
        again = await poll.check()
        assert again.items == ()
        await poll.stored(again)
    confirmed = [one for ids in fake.confirmed for one in ids]
    assert sorted(confirmed) == sorted(f"report-{number}" for number in range(1, 101) if number not in {37, 38})


async def test_lone_item_that_is_refused_is_stored_once() -> None:
    """It is not taken again at every check, for ever; what comes behind it is."""
    async with polling("delivery_reports", queues=reports(1), unknown={"report-1"}) as (fake, poll):
        with pytest.raises(RefusedError):
            await poll.stored(await poll.check())
        assert (await poll.check()).items == ()
        fake.queues["delivery_reports"].append(report(2))
        batch = await poll.check()
        await poll.stored(batch)
    assert ids_of(batch) == ["report-2"]
    assert fake.confirmed == [["report-2"]]


async def test_full_page_of_refused_items_is_trouble() -> None:
    """It hides whatever is newer: the poll says so, now and then, and does not ask for each of them anew."""
    state = {"queues": reports(100), "unknown": {f"report-{number}" for number in range(1, 101)}}
    async with polling("delivery_reports", **state) as (fake, poll):
        with pytest.raises(RefusedError):
            await poll.stored(await poll.check())
        for _ in range(PATIENCE):
            assert (await poll.check()).items == ()
        asked = len(fake.asked)
        with pytest.raises(RefusedError, match="hides whatever is newer"):
            await poll.check()
    assert len(fake.asked) == asked + 1


@pytest.mark.parametrize("count", [1, 2])
async def test_refusal_that_is_no_items_fault_brings_the_batch_again(count: int) -> None:
    """Where there is no such call, halves are not tried and nothing is given up, also if it is alone."""
    waiting = [report(number) for number in range(1, count + 1)]
    async with api_answering(Reply({"delivery_reports": waiting}), Reply(None, 404)) as api:
        poll = QueuePoll(client_of(api.url), DELIVERY_REPORTS, 30.0)
        batch = await poll.check()
        with pytest.raises(RefusedError):
            await poll.stored(batch)
        await poll.close()
    assert len(api.seen) == 2
    assert not poll._stored


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


async def test_half_an_emoji_does_not_stay_in_the_queue() -> None:
    """A text that was cut in the middle of an emoji is stored as it came, and confirmed by its id."""
    item = b'{"reply_id":"r1","content":"Hi \\ud83d"}'
    async with api_answering(Reply(b'{"replies":[' + item + b"]}"), Reply(None, 202)) as api:
        poll = QueuePoll(client_of(api.url), REPLIES, 30.0)
        batch = await poll.check()
        await poll.stored(batch)
        await poll.close()
    assert [found.body for found in batch.items] == [item]
    assert api.seen[1].json == {"reply_ids": ["r1"]}


@given(body=st.binary() | st.builds(lambda inner: b'{"replies":[' + inner + b"]}", st.binary()))
@settings(deadline=None)
def test_page_of_any_bytes_is_items_or_an_error(body: bytes) -> None:
    """Whatever a check answers, it is cut into items with a key each, or refused as no answer."""
    poll = QueuePoll(client_of("http://127.0.0.1:9"), REPLIES, 30.0)
    try:
        found = poll._keyed(body)
    except UnreadableAnswerError:
        return
    assert len({key for key, _ in found}) == len(found)
    assert all(item in body for _, item in found)


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
