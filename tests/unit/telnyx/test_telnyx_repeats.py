"""What of a Telnyx webhook counts when two are compared: all but the wrapping of the delivery."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.server import Endpoint
from providers import telnyx
from providers.contents import LARGEST_COMPARED
from providers.telnyx.normalize import normalize
from providers.telnyx.repeats import content
from schemas.events import Event
from tests.support.raw_json import texts_of, with_member
from tests.support.receiver import Answer, MemoryLog, receiver, request_bytes, until
from tests.support.telnyx import EVENTS, NOW, account_of, signed_headers, webhook_of

DATA = {"event_type": "message.sent", "id": "e1", "payload": {"id": "m1", "to": [{"status": "sent"}]}}
METAS = (
    '{"attempt":1}',
    '{"attempt":2}',
    '{"attempt":2,"delivered_to":"https://failover.example.com/x"}',
    '{ "delivered_to" : "https:\\/\\/x.example" , "attempt" : 3 }',
    '{"attempt":1,"more":2}',
    '{"attempt":1.5}',
    '{"attempt":"1"}',
)
BODIES = texts_of(("meta", "data", "id", "event_type"), (*METAS, '"message.sent"', '"link_clicked"'))


def body_of(attempt: int = 1, to: str = "https://hooks.example.com/x", **data: Any) -> bytes:
    """Return the body of an attempt."""
    return orjson.dumps({"data": {**DATA, **data}, "meta": {"attempt": attempt, "delivered_to": to}})


def essence(body: bytes) -> Sequence[Event]:
    """Return the events of a body without what two attempts may differ in."""
    return [replace(event, attempt=None, provider_data=None) for event in normalize(webhook_of(body))]


def endpoint() -> Endpoint:
    """Return an account that trusts the test key."""
    account = account_of()
    return Endpoint(account, telnyx.PROVIDER, telnyx.PROVIDER.verifier(account))


def signed(body: bytes, now: float = NOW, target: str = "/webhooks/main") -> bytes:
    """Return the request that delivers a body, signed at that time."""
    headers = [(name.encode(), value.encode()) for name, value in signed_headers(body, now).items()]
    return request_bytes(body, secret=None, headers=headers, target=target)


def statuses(answers: Sequence[Answer]) -> list[int]:
    """Return the statuses of answers."""
    return [answer.status for answer in answers]


def test_another_attempt_and_another_url_are_the_same_content() -> None:
    """The failover URL has an attempt count of its own."""
    same = {content(body_of()), content(body_of(2)), content(body_of(1, "https://failover.example.com/x"))}
    assert len(same) == 1
    assert None not in same


def test_the_real_pair_of_attempts_is_one_content() -> None:
    """In the shape that was captured, with white space and sorted keys."""
    first, second = (
        (EVENTS / name).read_bytes() for name in ("received_sms_attempt_1.json", "received_sms_attempt_2.json")
    )
    assert first != second
    assert content(first) == content(second) is not None


@pytest.mark.parametrize("data", [{"id": "e2"}, {"event_type": "message.finalized"}, {"payload": {"id": "m1"}}])
def test_another_state_is_another_content(data: dict[str, Any]) -> None:
    """Whatever differs outside of `meta`."""
    assert content(body_of(2, **data)) != content(body_of())


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":{"id":"e1"}}',
        b'{"data":{"id":"e1"},"meta":{"attempt":1,"more":1}}',
        b'{"data":{"id":"e1"},"meta":{"attempt":01}}',
        b'{"data":{"id":"e1"},"meta":{"attempt":1.0}}',
        b'{"data":{"id":"e1"},"meta":{"attempt":1000000000000000000000}}',
        b'{"data":{"id":"e1"},"meta":null}',
        b'{"data":{"id":"e1","meta":{"attempt":1}}}',
        b'{"data":{"id":"e1","meta":{"attempt":1}},"m\\u0065ta":{"attempt":1}}',
        b'{"data":{"id":"e1"},"x\\"meta":{"attempt":1}}',
        b'{"data":{"id":"e1"},"meta":{"attempt":1},"meta":{"attempt":2}}',
        b'{"data":{"id":"e1"},"data":{"id":"e2"},"meta":{"attempt":1}}',
        b'{"data":{"id":NaN},"meta":{"attempt":1}}',
        b'{"data":{"id":"e1"},"meta":{"attempt":1}',
        b'[{"meta":{"attempt":1}}]',
        b'{"data":"~left out~","meta":{"attempt":1}}',
        b'{"data":' + b"[" * 300 + b"]" * 300 + b',"meta":{"attempt":1}}',
        b"\xef\xbb\xbf" + body_of(),
        b"\xff" + body_of(),
        body_of(text="x" * LARGEST_COMPARED),
        b"",
    ],
)
def test_what_has_not_the_documented_shape_counts_byte_for_byte(body: bytes) -> None:
    """No reading of it is sure, or it is too large to be looked into."""
    assert content(body) is None


def test_every_digit_counts() -> None:
    """A reader of values would make one float of two long integers."""
    one, other = (body_of().replace(b'"sent"', digits) for digits in (b"18446744073709551616", b"18446744073709551617"))
    assert content(one) != content(other)


@given(BODIES, st.sampled_from(METAS), st.sampled_from(METAS), st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_one_content_is_one_event(rest: bytes, one: str, other: str, last: bool) -> None:
    """Whatever the text around it: with another `meta` it is the same event, or another content."""
    first, second = (with_member(rest, f'"meta":{meta}', last=last) for meta in (one, other))
    if content(first) is not None and content(first) == content(second):
        assert essence(first) == essence(second)


async def test_the_next_attempt_is_answered_and_not_stored_again() -> None:
    """Also at the failover URL, where that has no query of its own."""
    later = [body_of(2), body_of(1, "https://failover.example.com/x")]
    async with receiver(endpoints=[endpoint()]) as bench:
        answers = [await bench.ask(signed(body)) for body in (body_of(), *later)]
        assert statuses(answers) == [200, 200, 200]
        assert [webhook.body for webhook in bench.memory.webhooks] == [body_of()]
        assert bench.value("webhooks_total", account="main", outcome="duplicate") == 2


async def test_a_query_of_the_url_counts() -> None:
    """A query can carry data, so the same event by another one is stored again, under the same id."""
    async with receiver(endpoints=[endpoint()]) as bench:
        await bench.ask(signed(body_of()))
        await bench.ask(signed(body_of(2), target="/webhooks/main?failover=1"))
        assert len(bench.memory.webhooks) == 2
        assert len({each.event.id for each in bench.memory.events}) == 1


async def test_the_next_attempt_waits_for_the_first_on_its_way() -> None:
    """Telnyx came again after its 2 s, or its connection was cut: there is one append, and both are answered."""
    memory = MemoryLog(gate=asyncio.Event())
    async with receiver(memory, endpoints=[endpoint()]) as bench:
        first = asyncio.create_task(bench.ask(signed(body_of())))
        await until(lambda: memory.appending == 1)
        second = asyncio.create_task(bench.ask(signed(body_of(2))))
        await until(lambda: bench.value("webhooks_in_flight") == 2)
        assert memory.gate is not None
        memory.gate.set()
        assert statuses(await asyncio.gather(first, second)) == [200, 200]
        assert [webhook.body for webhook in memory.webhooks] == [body_of()]
        assert bench.value("webhooks_total", account="main", outcome="duplicate") == 1


async def test_the_next_attempt_takes_the_place_of_a_first_that_fails() -> None:
    """With its own bytes."""
    memory = MemoryLog(gate=asyncio.Event())
    async with receiver(memory, endpoints=[endpoint()]) as bench:
        first = asyncio.create_task(bench.ask(signed(body_of())))
        await until(lambda: memory.appending == 1)
        second = asyncio.create_task(bench.ask(signed(body_of(2))))
        await until(lambda: bench.value("webhooks_in_flight") == 2)
        memory.refuses = lambda record: record.value == body_of()
        assert memory.gate is not None
        memory.gate.set()
        assert sorted(statuses(await asyncio.gather(first, second))) == [200, 503]
        assert [webhook.body for webhook in memory.webhooks] == [body_of(2)]


async def test_a_new_state_waits_for_nobody() -> None:
    """It is another content."""
    memory = MemoryLog(gate=asyncio.Event())
    async with receiver(memory, endpoints=[endpoint()]) as bench:
        asked = [asyncio.create_task(bench.ask(signed(body))) for body in (body_of(), body_of(2, id="e2"))]
        await until(lambda: memory.appending == 2)
        assert memory.gate is not None
        memory.gate.set()
        assert statuses(await asyncio.gather(*asked)) == [200, 200]
        found = {each.event.provider_event_id for each in bench.memory.events}
        assert found == {"e1", "e2"}


async def test_a_late_byte_identical_repeat_is_judged_by_the_time_of_the_first() -> None:
    """A stored one is a duplicate though its signature is too old by now (P13); what nobody stored is refused."""
    now = [float(NOW)]
    async with receiver(endpoints=[endpoint()], clock=lambda: now[0]) as bench:
        await bench.ask(signed(body_of()))
        now[0] += 1000
        assert (await bench.ask(signed(body_of()))).status == 200
        assert (await bench.ask(signed(body_of(id="e2")))).status == 401
        assert [webhook.body for webhook in bench.memory.webhooks] == [body_of()]
