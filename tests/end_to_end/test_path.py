"""The whole path on both logs: a signed webhook goes in, an event comes out, a reply goes back."""

import asyncio
import base64
import signal
from collections import Counter
from typing import Any

import aiohttp
import orjson

from providers.simulation import Forgery
from tests.support.site import ANSWER_WITHIN, Process, Site, delivery_body, inbound_body, until


async def results(site: Site, count: int) -> list[dict[str, Any]]:
    """Wait for that many records on the results topic, return all of them."""
    found: list[dict[str, Any]] = []

    async def enough() -> bool:
        found[:] = await site.tail("messaging.results.v1")
        return len(found) >= count

    await until(enough, f"{count} results")
    return found


async def post_many(site: Site, to: Process, bodies: dict[str, bytes], stored: set[str]) -> Counter[int]:
    """Post all at once over a few connections; note in `stored` what was answered 200."""
    statuses: Counter[int] = Counter()
    connector = aiohttp.TCPConnector(limit=32)
    async with aiohttp.ClientSession(timeout=ANSWER_WITHIN, connector=connector) as session:

        async def one(name: str, body: bytes) -> None:
            try:
                status = await site.post_in(session, to, body)
            except aiohttp.ClientError:
                status = 0
            statuses[status] += 1
            if status == 200:
                stored.add(name)

        await asyncio.gather(*(one(name, body) for name, body in bodies.items()))
    return statuses


async def test_a_signed_webhook_comes_out_of_the_log(site: Site, receiver: Process) -> None:
    """`tail` shows the raw bytes and the normalized event, with key and headers."""
    body = inbound_body("Hello", "m1")
    assert await site.post(receiver, body) == 200
    (raw,) = await site.tail("messaging.webhooks.v1")
    (event,) = await site.tail("messaging.inbound.v1")
    assert base64.b64decode(raw["value_base64"]) == body
    assert raw["headers"]["http_method"] == "POST"
    assert raw["headers"]["ce_webhookid"] == event["headers"]["ce_webhookid"]
    assert event["key"] == "main|+17735550102|+13125550001"
    assert event["headers"]["ce_type"] == "messaging.message.received"
    assert event["headers"]["ce_source"] == "/telnyx/main"
    assert event["headers"]["ce_tenant"] == "acme"
    assert (event["value"]["text"], event["value"]["from"], event["value"]["to"]) == (
        "Hello",
        "+13125550001",
        "+17735550102",
    )
    assert event["value"]["provider_data"] == orjson.loads(body)


async def test_an_inbound_message_is_answered_once(site: Site, everything: Process) -> None:
    """The rule's text goes out through the provider's API, and the result names both messages."""
    assert await site.post(everything, inbound_body(" hours ", "m2")) == 200
    (result,) = await results(site, 1)
    (command,) = await site.tail("messaging.commands.v1")
    (call,) = site.provider.calls
    assert orjson.loads(call["body"]) == {"from": "+17735550102", "to": "+13125550001", "text": "Open 9 to 17."}
    assert call["idempotency-key"] == command["headers"]["ce_id"]
    assert result["value"]["outcome"] == "sent"
    assert result["value"]["message_id"] == site.provider.effects[0]
    assert result["value"]["in_reply_to"] == "m2"


async def test_a_repeat_has_the_same_ids_and_no_second_reply(site: Site, everything: Process) -> None:
    """Duplicates are normal: every copy is answered 200, one reply goes out."""
    for _ in range(3):
        assert await site.post(everything, inbound_body("HOURS", "m3")) == 200
    assert await site.post(everything, inbound_body("HOURS", "m4")) == 200
    await results(site, 2)
    ids = {record["headers"]["ce_id"] for record in await site.tail("messaging.inbound.v1")}
    assert len(ids) == 2
    assert len(site.provider.effects) == 2


async def test_an_opt_out_word_gets_no_reply(site: Site, everything: Process) -> None:
    """Telnyx answers STOP itself; the next message shows that the consumer has passed it."""
    assert await site.post(everything, inbound_body("Stop", "m5")) == 200
    assert await site.post(everything, inbound_body("HOURS", "m6", sender="+13125550009")) == 200
    (result,) = await results(site, 1)
    assert result["value"]["in_reply_to"] == "m6"
    assert len(await site.tail("messaging.commands.v1")) == 1


async def test_a_forged_webhook_reaches_no_topic(site: Site, receiver: Process) -> None:
    """Every way of not proving a sender is answered 401, and nothing is stored."""
    for forgery in Forgery:
        assert await site.post(receiver, inbound_body("Hello", "m7"), forgery=forgery) == 401
    assert await site.tail("messaging.webhooks.v1") == []
    assert await site.tail("messaging.inbound.v1") == []


async def test_a_group_message_gives_one_event_a_recipient(site: Site, receiver: Process) -> None:
    """Each recipient has a status and an id of its own; the message keeps one key."""
    recipients = [("+13125550001", "delivered"), ("+13125550002", "delivery_failed")]
    assert await site.post(receiver, delivery_body("m8", recipients, event="e8")) == 200
    events = await site.tail("messaging.delivery.v1")
    assert {(event["value"]["to"], event["value"]["status"]) for event in events} == {
        ("+13125550001", "delivered"),
        ("+13125550002", "failed"),
    }
    assert len({event["headers"]["ce_id"] for event in events}) == 2
    assert {event["key"] for event in events} == {"main|m8"}


async def test_the_state_of_a_message_never_goes_back(site: Site, everything: Process) -> None:
    """A late report changes nothing, on the compacted topic or in what `hookline message` tells."""
    for event, status in (("e1", "delivered"), ("e2", "sent")):
        body = delivery_body("m9", [("+13125550001", status)], event=event, kind="message.sent")
        assert await site.post(everything, body) == 200

    async def told() -> bool:
        return bool(await site.tail("messaging.states.v1")) and "sent" in await site.command("message", "m9")

    await until(told, "the message's life")
    states = await site.tail("messaging.states.v1")
    assert [record["value"]["status"] for record in states] == ["delivered"]
    (life,) = orjson.loads(await site.command("message", "m9", "--json"))["messages"]
    assert [state["status"] for state in life["states"]] == ["delivered"]
    assert sorted(event["status"] for event in life["events"]) == ["delivered", "sent"]


async def test_what_is_not_understood_is_kept(site: Site, receiver: Process) -> None:
    """A verified body that is not JSON is stored, counted and answered 200: a retry would bring the same bytes."""
    assert await site.post(receiver, b"<xml/>") == 200
    (raw,) = await site.tail("messaging.webhooks.v1")
    (event,) = await site.tail("messaging.notices.v1")
    assert base64.b64decode(raw["value_base64"]) == b"<xml/>"
    assert event["headers"]["ce_type"] == "messaging.webhook.unrecognized"
    assert event["value"]["reason"] == "not_json"


async def test_a_kill_right_after_the_answer_loses_nothing(site: Site) -> None:
    """What was acknowledged is in the log, whatever becomes of the process."""
    receiver = await site.start("ingest")
    stored: set[str] = set()
    bodies = {f"m{n}": inbound_body("Hello", f"m{n}") for n in range(400)}
    posting = asyncio.create_task(post_many(site, receiver, bodies, stored))
    await until(lambda: _more_than(stored, 60), "60 answers")
    await receiver.end(signal.SIGKILL)
    await posting
    kept = {record["value"]["message_id"] for record in await site.tail("messaging.inbound.v1")}
    assert len(stored) >= 60
    assert stored - kept == set()


async def test_sigterm_under_load_cuts_nothing(site: Site) -> None:
    """Every request is answered or refused at the door; what was acknowledged is stored; the exit status is 0."""
    receiver = await site.start("ingest")
    stored: set[str] = set()
    bodies = {f"m{n}": inbound_body("Hello", f"m{n}") for n in range(600)}
    posting = asyncio.create_task(post_many(site, receiver, bodies, stored))
    await until(lambda: _more_than(stored, 30), "30 answers")
    assert await receiver.end(signal.SIGTERM, patience=10) == 0
    statuses = await posting
    kept = {record["value"]["message_id"] for record in await site.tail("messaging.inbound.v1")}
    assert stored - kept == set()
    assert set(statuses) <= {200, 503, 0}


async def test_two_consumers_of_a_group_one_killed(site: Site, receiver: Process) -> None:
    """The other takes over; no message gets two replies, none gets none."""
    first = await site.start("consume", "auto-reply", "send", config="first.toml")
    second = await site.start("consume", "auto-reply", "send", config="second.toml")
    for n in range(20):
        assert await site.post(receiver, inbound_body("HOURS", f"m{n}", sender=f"+1312555{1000 + n}")) == 200
    await results(site, 3)
    await first.end(signal.SIGKILL)
    for n in range(20, 30):
        assert await site.post(receiver, inbound_body("HOURS", f"m{n}", sender=f"+1312555{1000 + n}")) == 200
    found = await results(site, 30)
    answered = {record["value"]["in_reply_to"] for record in found}
    assert answered == {f"m{n}" for n in range(30)}
    assert len(site.provider.effects) == 30
    assert await second.end() == 0


async def _more_than(found: set[str], count: int) -> bool:
    return len(found) > count
