"""Mirror: the answers of the old handler are heeded, and what it does not take comes again or to its end."""

import asyncio
import contextlib
import socket

import pytest

from consumers.consumer import Reject, TryLater
from consumers.mirror import pacing
from consumers.mirror.client import Answer, UnreachableError
from consumers.mirror.consumer import PUTS_OFF_AFTER
from consumers.mirror.posting import Posting
from tests.support.mirroring import Mirroring
from tests.support.old_handler import Reply
from tests.support.telnyx import webhook_of

BODY = b'{"data": {"id": "1"}}'


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_what_is_not_taken_now_is_posted_again(mirroring: Mirroring, status: int) -> None:
    """No try is used up."""
    mirroring.handler.replies.append(Reply(status))
    with pytest.raises(TryLater) as later:
        await mirroring.take(webhook_of(BODY))
    assert 0 < later.value.seconds <= 1
    assert later.value.reason == "target_unwell"
    assert mirroring.count("postponed") == 1


@pytest.mark.parametrize("status", [429, 503, 500])
async def test_the_wish_of_the_old_handler_is_heeded(mirroring: Mirroring, status: int) -> None:
    """`Retry-After`, in seconds or as a date, and for five minutes at most."""
    for wish, seconds in (("17", 17), ("Thu, 01 Jan 2026 00:00:17 GMT", 17), ("1800", 300)):
        mirroring.with_target()
        mirroring.handler.replies.append(Reply(status, {"Retry-After": wish}))
        with pytest.raises(TryLater) as later:
            await mirroring.take(webhook_of(BODY))
        assert later.value.seconds == pytest.approx(seconds)


async def test_a_wish_not_to_wait_is_no_reason_to_ask_at_once(mirroring: Mirroring) -> None:
    """Nor is a date that is over by our clock."""
    for wish in ("0", "Wed, 31 Dec 2025 23:00:00 GMT"):
        mirroring.with_target()
        mirroring.handler.replies.append(Reply(503, {"Retry-After": wish}))
        with pytest.raises(TryLater) as later:
            await mirroring.take(webhook_of(BODY))
        assert later.value.seconds == 1


async def test_while_the_old_handler_is_unwell_nobody_calls_it(mirroring: Mirroring) -> None:
    """All webhooks of the target wait as long as it asked."""
    mirroring.handler.replies.append(Reply(503, {"Retry-After": "17"}))
    for body in (b"1", b"2"):
        with pytest.raises(TryLater):
            await mirroring.take(webhook_of(body))
    assert mirroring.handler.bodies == [b"1"]


async def test_one_that_it_fails_on_keeps_no_other_waiting(mirroring: Mirroring) -> None:
    """A 500 may be about that webhook alone."""
    mirroring.handler.replies.append(Reply(500))
    with pytest.raises(TryLater):
        await mirroring.take(webhook_of(b"1"))
    await mirroring.take(webhook_of(b"2"))
    assert mirroring.handler.bodies == [b"1", b"2"]


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(drop=True)], ids=["no answer", "broken connection"])
async def test_no_answer_is_trouble_of_the_old_handler(mirroring: Mirroring, reply: Reply) -> None:
    """Within the deadline of the configuration."""
    mirroring.with_target(timeout=0.2)
    mirroring.handler.replies.append(reply)
    with pytest.raises(TryLater) as later:
        await mirroring.take(webhook_of(BODY))
    assert later.value.reason == "target_unreachable"


async def test_nobody_there_is_trouble_of_the_old_handler(mirroring: Mirroring) -> None:
    """As while it is restarted."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        mirroring.with_target(url=f"http://127.0.0.1:{probe.getsockname()[1]}/old")
        with pytest.raises(TryLater) as later:
            await mirroring.take(webhook_of(BODY))
    assert later.value.reason == "target_unreachable"


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422, 302, 307, 304])
async def test_a_refusal_is_kept_as_a_dead_letter(mirroring: Mirroring, status: int) -> None:
    """A redirect counts as one; it is not followed."""
    mirroring.handler.replies.append(Reply(status, {"Location": f"{mirroring.handler.url}/elsewhere"}))
    with pytest.raises(Reject) as refused:
        await mirroring.take(webhook_of(BODY))
    assert refused.value.reason == f"refused_{status}"
    assert len(mirroring.handler.got) == 1
    assert mirroring.count("refused") == 1


async def test_a_refusal_is_passed_over_where_the_configuration_says_so(mirroring: Mirroring) -> None:
    """It is counted all the same."""
    mirroring.with_target(refused="skip")
    mirroring.handler.replies.append(Reply(404))
    await mirroring.take(webhook_of(BODY))
    assert mirroring.count("refused") == 1


@pytest.mark.parametrize("status", [425, 429, 502, 503, 504])
async def test_answers_of_a_target_that_is_away_or_full_let_all_wait(mirroring: Mirroring, status: int) -> None:
    """They are about no webhook in particular."""
    mirroring.handler.replies.append(Reply(status))
    for body in (b"1", b"2"):
        with pytest.raises(TryLater):
            await mirroring.take(webhook_of(body))
    assert mirroring.handler.bodies == [b"1"]


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("status", [500, 502, 503])
async def test_while_nothing_goes_well_a_target_that_is_away_is_waited_for(
    mirroring: Mirroring, monkeypatch: pytest.MonkeyPatch, status: int, *, in_order: bool
) -> None:
    """However it says so: in order too the others are to show first whose fault it is."""
    monkeypatch.setattr(pacing, "SHORTEST_WISH", 0.0)
    mirroring.with_target(in_order=in_order, give_up_after=0.0)
    for _ in range(3):
        mirroring.handler.replies.append(Reply(status, {"Retry-After": "0"}))
        with pytest.raises(TryLater):
            await mirroring.take(webhook_of(BODY))
    assert len(mirroring.handler.got) == 3


async def test_one_that_fails_for_long_while_others_go_well_is_given_up(mirroring: Mirroring) -> None:
    """It is to blame, and must not be posted for ever."""
    mirroring.with_target(give_up_after=0.0)
    mirroring.handler.replies.append(Reply(500))
    with pytest.raises(TryLater):
        await mirroring.take(webhook_of(b"bad"))
    mirroring.handler.replies.append(Reply(500))
    with pytest.raises(TryLater):
        await mirroring.take(webhook_of(b"bad"))
    await mirroring.take(webhook_of(b"good"))
    mirroring.handler.replies.append(Reply(500))
    with pytest.raises(Reject) as given_up:
        await mirroring.take(webhook_of(b"bad"))
    assert given_up.value.reason == "failed_500"
    assert mirroring.count("given_up") == 1


async def test_one_that_gets_no_answer_while_others_do_is_given_up(mirroring: Mirroring) -> None:
    """The handler breaks off at this one, each time."""
    mirroring.with_target(give_up_after=0.0)
    mirroring.handler.replies.append(Reply(drop=True))
    with pytest.raises(TryLater) as later:
        await mirroring.take(webhook_of(b"bad"))
    await asyncio.sleep(later.value.seconds)
    await mirroring.take(webhook_of(b"good"))
    mirroring.handler.replies.append(Reply(drop=True))
    with pytest.raises(Reject) as given_up:
        await mirroring.take(webhook_of(b"bad"))
    assert given_up.value.reason == "failed_no_answer"


async def test_a_host_that_drops_packets_is_no_connection(mirroring: Mirroring) -> None:
    """Nobody was there who could have failed at this webhook, also where the deadline of a call is short."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        url = f"http://127.0.0.1:{full.getsockname()[1]}/old"
        with contextlib.ExitStack() as stack:
            # A backlog that is full: whoever comes now hears nothing.
            for _ in range(3):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)  # noqa: FBT003 - the standard library's own parameter
                waiting.connect_ex(full.getsockname())
            with pytest.raises(UnreachableError) as error:
                await mirroring.handlers.post(Posting("POST", url, (), BODY), 0.2)
    assert not error.value.met


@pytest.mark.parametrize("cut", [True, False], ids=["cut short", "late"])
async def test_an_answer_counts_whatever_becomes_of_its_body(mirroring: Mirroring, *, cut: bool) -> None:
    """The old handler has the webhook, and says so in the first line."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        await writer.drain()
        if not cut:
            await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = "http://{}:{}/old".format(*server.sockets[0].getsockname())
        assert await mirroring.handlers.post(Posting("POST", url, (), b""), 0.2) == Answer(200)


async def test_what_waits_for_long_waits_in_the_retry_topic(mirroring: Mirroring) -> None:
    """A target that is away keeps no place of the others; in order it has to, as only that keeps the order."""
    loose, strict = mirroring.with_target(), mirroring.with_target(in_order=True)
    assert (loose.keeps_order, loose.puts_off_after) == (False, PUTS_OFF_AFTER)
    assert strict.puts_off_after is None
