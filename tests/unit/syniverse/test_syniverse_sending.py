"""Sending: what is sent, what each answer means, what is looked up after a lost one."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import unused_port

from providers.contract import AccountError, SendStatus
from providers.syniverse.sending import SyniverseSender, sender
from schemas.events import SendRequested
from schemas.vocabulary import FailureClass
from tests.support.syniverse_api import (
    KEY,
    SCG,
    SECRET,
    TOKEN,
    FakeApi,
    Reply,
    Seen,
    example,
    fake_api,
    listed,
    refusal,
)

BODY = b'{"from":"sender_id:s1","to":["+12025550142"],"body":"Open 9 to 17.","external_id":"c0ffee"}'
ID = "8WYC4Q5UnznRlDIWXmcp45"
COMMAND = SendRequested(
    id="c0ffee",
    provider="syniverse",
    account="main",
    received_at=datetime(2026, 1, 1, tzinfo=UTC),
    to="+12025550142",
    text="Open 9 to 17.",
    sender_id="s1",
)


@asynccontextmanager
async def sending(**settings: Any) -> AsyncGenerator[tuple[FakeApi, SyniverseSender]]:
    """Give a server and a sender that calls it."""
    async with fake_api() as api:
        found = sender(api.account(**settings))
        try:
            yield api, found
        finally:
            await found.close()


def from_of(command: SendRequested, **settings: Any) -> str:
    """Return the `from` of what a command sends."""
    account = FakeApi("http://127.0.0.1:1").account(**settings)
    found: str = json.loads(sender(account).prepare(command))["from"]
    return found


async def test_one_request_with_the_commands_id() -> None:
    """A message request to one number, whose external id is the command's; its id is that of the receipt."""
    async with sending() as (api, found):
        api.will(Reply(200, example("rest_create_response")))
        body = found.prepare(COMMAND)
        receipt = await found.send(COMMAND.id, body)
    (seen,) = api.seen
    assert (seen.method, seen.path) == ("POST", f"{SCG}/messaging/message_requests")
    assert (seen.body, body) == (BODY, BODY)
    assert (receipt.status, receipt.message_id) == (SendStatus.ACCEPTED, ID)
    assert not found.idempotent


def test_same_command_same_bytes() -> None:
    """What was prepared once is prepared so again; a lone surrogate does not cost the text."""
    account = FakeApi("http://127.0.0.1:1").account()
    broken = replace(COMMAND, text="Żółć \ud83d")
    assert sender(account).prepare(broken) == sender(account).prepare(broken)
    assert json.loads(sender(account).prepare(broken))["body"] == "Żółć ?"


def test_sender_of_the_command_goes_first() -> None:
    """The sender id that the inbound message named, with its prefix; one that has a prefix keeps it."""
    assert from_of(COMMAND, sender="channel:c1") == "sender_id:s1"
    assert from_of(replace(COMMAND, sender_id="channel:c2")) == "channel:c2"


def test_sender_of_the_account_is_next() -> None:
    """Where the command names no sender id it is the account's."""
    bare = replace(COMMAND, sender_id=None, from_="66000")
    assert from_of(bare, sender="channel:c1") == "channel:c1"
    assert from_of(replace(bare, from_="sender_id:s9")) == "sender_id:s9"


@pytest.mark.parametrize("from_", [None, "66000", "+12025550100"])
def test_without_any_sender_id_it_cannot_be_sent(from_: str | None) -> None:
    """Syniverse sends by its own ids, and a number is none."""
    with pytest.raises(ValueError, match="sender id"):
        from_of(replace(COMMAND, sender_id=None, from_=from_))


def test_recipient_that_is_no_number_cannot_be_sent_to() -> None:
    """An error of ours, before anything is kept for sending."""
    with pytest.raises(ValueError, match="recipient"):
        from_of(replace(COMMAND, to="Ada"))


CODES = [
    (400, "40024", SendStatus.REFUSED, FailureClass.PERMANENT),
    (400, "4001", SendStatus.REFUSED, FailureClass.PERMANENT),
    (400, "40018", SendStatus.REFUSED, FailureClass.CONFIGURATION),
    (400, "40012", SendStatus.REFUSED, FailureClass.CONFIGURATION),
    (401, "401", SendStatus.REFUSED, FailureClass.CONFIGURATION),
    (401, "4010", SendStatus.REFUSED, FailureClass.CONFIGURATION),
    (402, "4020", SendStatus.REFUSED, FailureClass.CONFIGURATION),
    (402, "4021", SendStatus.REFUSED, FailureClass.CONFIGURATION),
    (403, "4030", SendStatus.REFUSED, FailureClass.CONFIGURATION),
    (403, "4036", SendStatus.REFUSED, FailureClass.CONFIGURATION),
    (403, "4031", SendStatus.REFUSED, FailureClass.PERMANENT),
    (403, "1005", SendStatus.REFUSED, FailureClass.OPT_OUT),
    (404, "4040", SendStatus.REFUSED, FailureClass.CONFIGURATION),
    (404, "4045", SendStatus.REFUSED, FailureClass.PERMANENT),
    (405, "405", SendStatus.REFUSED, FailureClass.CONFIGURATION),
    (409, "1011", SendStatus.REFUSED, FailureClass.PERMANENT),
    (422, "4220", SendStatus.REFUSED, FailureClass.PERMANENT),
    (500, "5001", SendStatus.REFUSED, FailureClass.PERMANENT),
    (500, "5002", SendStatus.REFUSED, FailureClass.PERMANENT),
    (429, "429", SendStatus.RETRY, None),
    (503, "5030", SendStatus.RETRY, None),
    (500, "5000", SendStatus.UNKNOWN, None),
    (502, "502", SendStatus.UNKNOWN, None),
    (408, "408", SendStatus.UNKNOWN, None),
    (307, "307", SendStatus.REFUSED, FailureClass.CONFIGURATION),
]


@pytest.mark.parametrize(("status", "code", "outcome", "failure"), CODES)
async def test_answer_means(status: int, code: str, outcome: SendStatus, failure: FailureClass | None) -> None:
    """Each documented refusal says whether it was sent, and whose fault it is; nothing is posted twice."""
    async with sending() as (api, found):
        api.handler = lambda seen: refusal(status, f"SCG_ERROR_{code}") if seen.method == "POST" else listed()
        receipt = await found.send("c0ffee", BODY)
    assert (receipt.status, receipt.failure_class) == (outcome, failure)
    assert (receipt.http_status, receipt.errors[0].code) == (status, code)
    assert [one.method for one in api.seen].count("POST") == 1


async def test_token_that_is_being_changed_is_a_matter_of_time() -> None:
    """409 with code 4090, twice: nothing was sent, and it passes."""
    async with sending() as (api, found):
        pauses: list[float] = []

        async def pause(seconds: float) -> None:
            pauses.append(seconds)

        found._client._tokens._tempo = replace(found._client._tokens._tempo, sleep=pause)
        api.handler = lambda _: refusal(409, "4090")
        receipt = await found.send("c0ffee", BODY)
    assert (receipt.status, receipt.reason) == (SendStatus.RETRY, "refused_for_now")
    assert pauses == [1.0]


async def test_pause_that_is_asked_for_is_passed_on() -> None:
    """The command waits that long; the sender itself does not."""
    async with sending() as (api, found):
        api.will(Reply(503, {"error_code": "5030"}, {"retry-after": "7"}))
        receipt = await found.send("c0ffee", BODY)
    assert (receipt.status, receipt.retry_after) == (SendStatus.RETRY, 7.0)


@pytest.mark.parametrize("body", [{}, {"error_code": "5000"}, b"<html>"])
async def test_503_that_names_neither_its_code_nor_a_pause_is_unknown(body: Any) -> None:
    """Any proxy may answer it, also after the request was made: it is looked up, and not sent again."""
    async with sending() as (api, found):
        api.handler = lambda seen: Reply(503, body) if seen.method == "POST" else listed()
        receipt = await found.send("c0ffee", BODY)
    assert (receipt.status, receipt.http_status) == (SendStatus.UNKNOWN, 503)
    assert [one.method for one in api.seen] == ["POST", "GET"]


async def test_503_with_a_pause_was_not_begun() -> None:
    """Who says when to come back has not taken it."""
    async with sending() as (api, found):
        api.will(Reply(503, {}, {"retry-after": "7"}))
        receipt = await found.send("c0ffee", BODY)
    assert (receipt.status, receipt.retry_after) == (SendStatus.RETRY, 7.0)


async def test_token_file_that_cannot_be_read_sends_nothing(tmp_path: Path) -> None:
    """The command is not begun: it is asked for again when the file is mended."""
    path = tmp_path / "token"
    path.write_bytes(b"")
    async with sending(token_file=path) as (api, found):
        receipt = await found.send("c0ffee", BODY)
        assert (receipt.status, receipt.reason, api.seen) == (SendStatus.RETRY, "token_file_unusable", [])
        path.unlink()
        api.will(Reply(200, {"id": ID}))
        assert (await found.send("c0ffee", BODY)).status is SendStatus.ACCEPTED


async def test_token_file_that_cannot_be_written_sends_nothing(tmp_path: Path) -> None:
    """The call was refused for its token, and no new one could be kept."""
    settings = {"consumer_key": KEY, "consumer_secret": SECRET, "token_file": tmp_path / ("t" * 248)}
    async with sending(**settings) as (api, found):
        api.handler = lambda _: refusal(401, "401")
        receipt = await found.send("c0ffee", BODY)
    assert (receipt.status, receipt.reason) == (SendStatus.RETRY, "token_file_unusable")
    assert [one.method for one in api.seen] == ["POST"]


async def test_dead_token_is_regenerated_and_the_text_sent_once(tmp_path: Any) -> None:
    """A refusal for the token has sent nothing: the call is made again with the new one."""
    settings = {"consumer_key": KEY, "consumer_secret": SECRET, "token_file": str(tmp_path / "token")}
    async with sending(**settings) as (api, found):
        api.will(refusal(401, "401"), Reply(200, {"accessToken": "NEW"}), Reply(200, {"id": ID}))
        receipt = await found.send("c0ffee", BODY)
    assert receipt.status is SendStatus.ACCEPTED
    assert api.seen[-1].headers["authorization"] == "Bearer NEW"


async def test_request_that_was_made_although_its_answer_was_lost_is_found() -> None:
    """After an unknown outcome the external id tells, and nothing is sent again."""

    def handler(seen: Seen) -> Reply:
        return Reply(502, {}) if seen.method == "POST" else listed({"id": ID, "external_id": "c0ffee"})

    async with sending() as (api, found):
        api.handler = handler
        receipt = await found.send("c0ffee", BODY)
    assert (receipt.status, receipt.message_id) == (SendStatus.ACCEPTED, ID)
    assert [one.method for one in api.seen] == ["POST", "GET"]
    assert api.seen[1].parameters["external_id"] == "c0ffee"


@pytest.mark.parametrize("reply", [Reply(200, {}), Reply(200, b"<html>"), Reply(200, {"id": 7}), Reply(204)])
async def test_success_without_an_id_is_looked_up(reply: Reply) -> None:
    """Something was accepted: what, tells the external id; if it does not, nobody knows."""
    async with sending() as (api, found):
        api.will(reply, listed())
        receipt = await found.send("c0ffee", BODY)
    assert (receipt.status, receipt.reason) == (SendStatus.UNKNOWN, "no_message_id")


async def test_look_up_that_fails_leaves_it_unknown() -> None:
    """Where the provider is down altogether the outcome stays unknown."""
    async with sending() as (api, found):
        api.handler = lambda _: Reply(500, {})
        receipt = await found.send("c0ffee", BODY)
    assert receipt.status is SendStatus.UNKNOWN


async def test_look_up_finds_what_has_the_commands_id() -> None:
    """And sends nothing."""
    async with sending() as (api, found):
        api.will(listed({"id": "other", "external_id": "c0ffee2"}, {"id": ID, "external_id": " c0ffee"}))
        receipt = await found.look_up("c0ffee", BODY)
    assert receipt is not None
    assert (receipt.status, receipt.message_id, receipt.reason) == (SendStatus.ACCEPTED, ID, "found_afterwards")
    assert [one.method for one in api.seen] == ["GET"]


async def test_look_up_of_what_is_not_there_finds_nothing() -> None:
    """Which is another answer than none."""
    async with sending() as (api, found):
        api.will(listed())
        assert await found.look_up("c0ffee", BODY) is None


async def test_look_up_that_cannot_be_made_is_for_later() -> None:
    """As late as Syniverse wishes."""
    async with sending() as (api, found):
        api.will(Reply(429, {"error_code": "4290"}, {"retry-after": "7"}), *[Reply(500, {})] * 9)
        receipt = await found.look_up("c0ffee", BODY)
    assert receipt is not None
    assert (receipt.status, receipt.retry_after, receipt.reason) == (SendStatus.RETRY, 7.0, "look_up_failed")


async def test_no_answer_in_time_is_unknown() -> None:
    """A call that was sent and not answered may have had its effect."""
    async with sending() as (api, found):
        found._client.transport._tempo = replace(found._client.transport._tempo, timeout=1e-9)
        api.handler = lambda _: Reply(200, {})
        receipt = await found.send("c0ffee", BODY)
    assert (receipt.status, receipt.reason) == (SendStatus.UNKNOWN, "no_answer")


async def test_nobody_listens_means_ask_again() -> None:
    """Nothing was sent."""
    found = sender(FakeApi(f"http://127.0.0.1:{unused_port()}").account())
    receipt = await found.send("c0ffee", BODY)
    await found.close()
    assert (receipt.status, receipt.reason) == (SendStatus.RETRY, "not_connected")


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"token": None}, "no token"), ({"sender": "66000"}, "sender is"), ({"base_url": "x"}, "base_url")],
)
def test_account_that_cannot_send(settings: dict[str, Any], words: str) -> None:
    """The account says so at the start."""
    with pytest.raises(AccountError, match=words):
        sender(FakeApi("http://x").account(**settings))


async def test_receipts_show_no_token() -> None:
    """Whatever went wrong, the receipt can be logged."""
    async with sending() as (api, found):
        api.handler = lambda _: refusal(401, "401", "bad token")
        assert TOKEN.value not in repr(await found.send("c0ffee", BODY))
