"""Polls: windows, pages, overlap, marking; nothing is left out, whatever the list does meanwhile."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.contract import AccountError
from providers.rest.errors import ApiError, AuthenticationError, ProviderFaultError, RefusedError, UnreadableAnswerError
from providers.roles import Poll
from providers.syniverse.marking import NotOfferedError
from providers.syniverse.polls import NAMES, STATES, SyniversePoll, polls
from tests.conftest import FakeClock
from tests.support.syniverse_api import SCG, FakeApi, Reply, example_bytes, fake_api, listed, quick, refusal
from tests.support.syniverse_api import Seen as Request

MESSAGES = f"{SCG}/messaging/messages"
HISTORY = f"{SCG}/consent/contact_address_history"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def millis(moment: datetime) -> int:
    """Return a time as REST bodies have it."""
    return int(moment.timestamp() * 1000)


def message(ident: str, minutes_ago: float = 10, **fields: Any) -> dict[str, Any]:
    """Return an inbound message."""
    created = millis(NOW - timedelta(minutes=minutes_ago))
    return {"id": ident, "state": "RECEIVED", "version_number": 1, "created_date": created} | fields


class Inbox:
    """A provider's list of messages: filters by state and span of time, has a ceiling, lets states be set."""

    def __init__(self, *items: dict[str, Any], ceiling: int = 3, refuses: int | None = None) -> None:
        self.items = {item["id"]: item for item in items}
        self.ceiling = ceiling
        self.refuses = refuses
        self.totals = True

    def __call__(self, request: Request) -> Reply:
        """Answer a list, an item, or a change of state."""
        ident = request.path.removeprefix(MESSAGES).strip("/")
        if not ident:
            return self._list(request.parameters)
        if ident not in self.items:
            return refusal(404, "4040")
        if request.method == "GET":
            return Reply(200, self.items[ident])
        if self.refuses is not None:
            return refusal(self.refuses, str(self.refuses))
        self.items[ident] |= {"state": request.json["state"]}
        return Reply(204)

    def _list(self, query: dict[str, str]) -> Reply:
        begin, end = (millis(datetime.fromisoformat(end)) for end in query["created_date"].strip("[]").split(","))
        states = query["state"].split(",")
        found = [item for item in self.items.values() if item["state"] in states]
        found = [item for item in found if begin <= item["created_date"] <= end]
        found.sort(key=lambda item: item["created_date"])
        at = int(query["offset"])
        return listed(*found[at : at + self.ceiling], total=len(found) if self.totals else None)

    def states(self) -> set[str]:
        """Return the states that its messages are in."""
        return {item["state"] for item in self.items.values()}


def poll_of(api: FakeApi, name: str, clock: FakeClock | None = None, **settings: Any) -> Poll:
    """Return one poll of an account."""
    (found,) = polls(api.account(polls=(name,), **settings), quick(clock=clock or FakeClock(), retries=0))
    return found


async def swept(poll: Poll, most: int = 50) -> list[str]:
    """Run a poll until nothing waits, storing each batch, and return the ids of what came."""
    ids: list[str] = []
    for _ in range(most):
        batch = await poll.check()
        ids += [json.loads(item.body)["id"] for item in batch.items]
        await poll.stored(batch)
        if batch.again_after is None:
            return ids
    raise AssertionError("the poll does not come to an end")


async def test_inbound_asks_what_the_provider_documents() -> None:
    """Messages to us that nobody has marked, of the span that it looks back, oldest first."""
    async with fake_api() as api:
        poll = poll_of(api, "inbound")
        api.handler = Inbox()
        assert await swept(poll) == []
        await poll.close()
    (seen,) = api.seen
    assert (seen.method, seen.path) == ("GET", MESSAGES)
    assert seen.parameters == {
        "direction": "MO",
        "state": "RECEIVED",
        "created_date": "[2025-12-31T00:00:00.000Z,2026-01-01T00:00:00.000Z]",
        "sort": "created_date",
        "offset": "0",
        "limit": "100",
    }


async def test_statuses_ask_by_states() -> None:
    """Messages from us, in every state from SENT on."""
    async with fake_api() as api:
        poll = poll_of(api, "statuses")
        api.will(listed(total=0))
        assert await swept(poll) == []
        await poll.close()
    assert api.seen[0].parameters["direction"] == "MT"
    assert api.seen[0].parameters["state"] == ",".join(STATES)


async def test_consent_asks_for_the_history() -> None:
    """Its items come from the path by which they are normalized."""
    async with fake_api() as api:
        poll = poll_of(api, "consent")
        api.will(listed({"id": "h1", "msisdn": "+12025550142", "status": "OPTOUT"}, total=1))
        batch = await poll.check()
        await poll.close()
    assert [item.target for item in batch.items] == [HISTORY]
    assert api.seen[0].path == HISTORY
    assert "direction" not in api.seen[0].parameters


async def test_items_are_verbatim() -> None:
    """Each item is the provider's own bytes, blanks and all; the target is the path without its query."""
    body = example_bytes("rest_list_messages")
    async with fake_api() as api:
        poll = poll_of(api, "statuses")
        api.will(Reply(200, body))
        batch = await poll.check()
        await poll.close()
    assert [json.loads(item.body) for item in batch.items] == json.loads(body)["list"]
    assert all(item.body in body for item in batch.items)
    assert {item.target for item in batch.items} == {MESSAGES}


@pytest.mark.parametrize("totals", [True, False])
@pytest.mark.parametrize("confirm", [True, False])
async def test_every_message_comes_once(totals: bool, confirm: bool) -> None:
    """Pages with a ceiling, and a list that shrinks as its messages are marked: none is left out, none comes twice."""
    inbox = Inbox(*(message(f"m{number}", 100 - number) for number in range(20)))
    inbox.totals = totals
    async with fake_api() as api:
        poll = poll_of(api, "inbound", confirm=confirm)
        api.handler = inbox
        assert await swept(poll) == [f"m{number}" for number in range(20)]
        await poll.close()
    assert inbox.states() == ({"PROCESSED"} if confirm else {"RECEIVED"})


async def test_messages_of_one_moment_come_too() -> None:
    """A whole page of one millisecond leaves time no way on: places are counted."""
    inbox = Inbox(*(message(f"m{number}", 10) for number in range(10)))
    async with fake_api() as api:
        poll = poll_of(api, "inbound", confirm=False)
        api.handler = inbox
        assert sorted(await swept(poll)) == sorted(inbox.items)
        await poll.close()


async def test_nothing_is_marked_before_it_is_stored() -> None:
    """A check alone changes nothing; a batch that is not stored comes again."""
    inbox = Inbox(message("m1"))
    async with fake_api() as api:
        poll = poll_of(api, "inbound")
        api.handler = inbox
        first = await poll.check()
        assert inbox.states() == {"RECEIVED"}
        assert (await poll.check()).items == first.items
        await poll.stored(first)
        assert inbox.states() == {"PROCESSED"}
        await poll.close()


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_operation_that_the_provider_refuses_is_asked_for_no_more(status: int) -> None:
    """State posts are in the SDKs' documentation alone: the poll tells so once, and goes on with its cursor."""
    clock = FakeClock()
    inbox = Inbox(*(message(f"m{number}", 100 - number) for number in range(6)), refuses=status)
    async with fake_api() as api:
        poll = poll_of(api, "inbound", clock)
        api.handler = inbox
        first = await poll.check()
        with pytest.raises(RefusedError, match="not offered"):
            await poll.stored(first)
        assert len(first.items) + len(await swept(poll)) == 6
        posts = [one for one in api.seen if one.method == "POST"]
        assert len(posts) <= 3
        clock.advance(60)
        api.seen.clear()
        assert await swept(poll) == []
        await poll.close()
    assert api.seen[0].parameters["created_date"] == "[2025-12-31T23:55:00.000Z,2026-01-01T00:01:00.000Z]"


async def test_message_that_is_gone_stops_nothing() -> None:
    """One that was deleted meanwhile cannot be marked, and need not be."""
    inbox = Inbox(message("m1"), message("m2", 9))
    async with fake_api() as api:
        poll = poll_of(api, "inbound")
        api.handler = inbox
        batch = await poll.check()
        del inbox.items["m1"]
        await poll.stored(batch)
        await poll.close()
    assert inbox.states() == {"PROCESSED"}


async def test_fault_while_marking_brings_the_batch_again() -> None:
    """What may pass is told; the cursor stays."""
    inbox = Inbox(message("m1"), refuses=500)
    async with fake_api() as api:
        poll = poll_of(api, "inbound")
        api.handler = inbox
        batch = await poll.check()
        with pytest.raises(ProviderFaultError):
            await poll.stored(batch)
        inbox.refuses = None
        again = await poll.check()
        assert again.items == batch.items
        await poll.stored(again)
        await poll.close()
    assert inbox.states() == {"PROCESSED"}


@pytest.mark.parametrize("reply", [refusal(404, "4046"), Reply(404, b"<html>"), refusal(405, "405")])
async def test_404_that_tells_of_no_message_brings_the_batch_again(reply: Reply) -> None:
    """Another server's, or a token's that is spent: what it kept from being marked waits there still."""
    inbox = Inbox(message("m1"), message("m2", 9))
    async with fake_api() as api:
        poll = poll_of(api, "inbound")
        api.handler = inbox
        batch = await poll.check()
        api.handler = lambda _: reply
        with pytest.raises(ApiError):
            await poll.stored(batch)
        api.handler = inbox
        again = await poll.check()
        assert again.items == batch.items
        await poll.stored(again)
        await poll.close()
    assert inbox.states() == {"PROCESSED"}


async def test_a_gateway_without_the_route_of_marking_holds_no_poll_up_for_ever() -> None:
    """Its 404 comes back with each batch: then the poll tells it once, and goes on with a cursor."""
    inbox = Inbox(message("m1"), message("m2", 9))
    async with fake_api() as api:
        poll = poll_of(api, "inbound")
        api.handler = lambda seen: Reply(404, b"<html>") if seen.method == "POST" else inbox(seen)
        told: list[type[ApiError]] = []
        for _ in range(3):
            batch = await poll.check()
            assert len(batch.items) == 2
            with pytest.raises(ApiError) as caught:
                await poll.stored(batch)
            told.append(type(caught.value))
        assert told == [UnreadableAnswerError, UnreadableAnswerError, NotOfferedError]
        assert (await poll.check()).items == ()
        await poll.close()


async def test_next_sweep_overlaps_and_leaves_out_what_is_stored() -> None:
    """An item that is listed late is found; one that is stored as it stands does not come again."""
    clock = FakeClock()
    inbox = Inbox(message("m1", 2), message("m2", 1))
    async with fake_api() as api:
        poll = poll_of(api, "inbound", clock, confirm=False)
        api.handler = inbox
        assert await swept(poll) == ["m1", "m2"]
        inbox.items["late"] = message("late", 1.5)
        clock.advance(60)
        assert await swept(poll) == ["late"]
        await poll.close()


async def test_status_that_changed_comes_again() -> None:
    """The states of a message follow each other long after it was created."""
    clock = FakeClock()
    inbox = Inbox(message("m1", 600, state="SENT"))
    async with fake_api() as api:
        poll = poll_of(api, "statuses", clock)
        api.handler = inbox
        assert await swept(poll) == ["m1"]
        clock.advance(3600)
        assert await swept(poll) == []
        inbox.items["m1"] |= {"state": "DELIVERED", "version_number": 3}
        assert await swept(poll) == ["m1"]
        await poll.close()


async def test_much_that_is_known_is_read_in_pieces() -> None:
    """A check ends after some pages, and the next one goes on where it stopped."""
    inbox = Inbox(*(message(f"m{number}", 600 - number / 10, state="SENT") for number in range(160)), ceiling=1)
    async with fake_api() as api:
        poll = poll_of(api, "statuses")
        api.handler = inbox
        assert len(await swept(poll, most=200)) == 160
        first = await poll.check()
        assert (first.items, first.again_after) == ((), 0.0)
        assert await swept(poll) == []
        await poll.close()


async def test_server_that_counts_no_places_ends_the_sweep() -> None:
    """The same page for ever, without a total, is read a few times and no more."""
    page = listed(message("m1"), message("m2", minutes_ago=20), total=None)
    async with fake_api() as api:
        api.handler = lambda _request: page
        poll = poll_of(api, "statuses")
        batches = [await poll.check()]
        await poll.stored(batches[0])
        batches.append(await poll.check())
        await poll.close()
    assert [len(batch.items) for batch in batches] == [2, 0]
    assert batches[-1].again_after is None
    assert len(api.seen) <= 4


async def test_order_that_is_not_kept_costs_no_message() -> None:
    """A server that does not sort: places are counted then."""
    inbox = [message("m1", 5), message("m2", 50), message("m3", 20), message("m4", 40)]
    async with fake_api() as api:
        poll = poll_of(api, "inbound", confirm=False)
        api.will(listed(*inbox[:2], total=4), listed(*inbox[2:], total=4))
        assert await swept(poll) == ["m1", "m2", "m3", "m4"]
        await poll.close()
    assert [one.parameters["offset"] for one in api.seen] == ["0", "2"]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"list": {}}', b'{"list": [', b"\xff\xfe"])
async def test_answer_that_is_no_list_is_told(body: bytes) -> None:
    """What cannot be read is no empty list."""
    async with fake_api() as api:
        poll = poll_of(api, "inbound")
        api.will(Reply(200, body))
        with pytest.raises(UnreadableAnswerError):
            await poll.check()
        await poll.close()


async def test_refusal_is_told() -> None:
    """A dead token ends the check with a typed error."""
    async with fake_api() as api:
        poll = poll_of(api, "consent")
        api.handler = lambda _: refusal(401, "401")
        with pytest.raises(AuthenticationError):
            await poll.check()
        await poll.close()


async def test_account_says_which_polls_it_wants() -> None:
    """None by default; each by its name, once; an unknown one is an error."""
    api = FakeApi("http://127.0.0.1:1")
    assert polls(api.account()) == []
    found = polls(api.account(polls=[*NAMES, "inbound"], poll_every=5.0))
    assert [poll.name for poll in found] == list(NAMES)
    assert {poll.every for poll in found} == {5.0}
    with pytest.raises(AccountError, match="no poll 'carrots'"):
        polls(api.account(polls=["carrots"]))


async def test_what_no_sweep_lists_any_more_is_forgotten() -> None:
    """The memory is as long as the span, not as the life of the process."""
    clock = FakeClock()
    inbox = Inbox(message("m1", 10, state="SENT"))
    async with fake_api() as api:
        poll = poll_of(api, "statuses", clock, poll_lookback=3600.0)
        assert isinstance(poll, SyniversePoll)
        api.handler = inbox
        assert await swept(poll) == ["m1"]
        clock.advance(3600 - 11 * 60)
        assert await swept(poll) == []
        assert len(poll._seen._digests) == 1
        clock.advance(10 * 60)
        assert await swept(poll) == []
        assert len(poll._seen._digests) == 0
        await poll.close()


async def test_item_without_a_date_is_remembered_as_long_as_the_span() -> None:
    """It counts as created when it was read."""
    clock = FakeClock()
    async with fake_api() as api:
        poll = poll_of(api, "consent", clock, poll_lookback=3600.0)
        api.handler = lambda _: listed({"id": "h1", "msisdn": "+12025550142"}, total=1)
        assert await swept(poll) == ["h1"]
        clock.advance(3600)
        assert await swept(poll) == []
        clock.advance(3600)
        assert await swept(poll) == ["h1"]
        await poll.close()
