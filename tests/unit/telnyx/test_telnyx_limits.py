"""What Telnyx documents as refused is refused before the call, and nothing else is."""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.rest.errors import LimitError
from providers.rest.paths import path_part
from providers.telnyx import limits
from providers.telnyx.client import TelnyxClient
from tests.support.rest_server import Reply
from tests.support.telnyx import NOW
from tests.support.telnyx_calls import MESSAGE_ID, OURS, PROFILE_ID, SENT, THEIRS, telnyx_playing

THEN = datetime.fromtimestamp(NOW, UTC)
THIRD_COUNTRY = "+61491570156"
Asking = Callable[[TelnyxClient], Awaitable[Any]]
LONG = "\u0141" * 2049  # 4098 bytes


def whatsapp(**message: Any) -> Asking:
    """Return a call that sends a WhatsApp message."""
    return lambda client: client.send_whatsapp(from_=OURS, to=THEIRS, whatsapp_message=message)


def scheduled(moment: datetime) -> Asking:
    """Return a call that schedules a message."""
    return lambda client: client.schedule(to=THEIRS, send_at=moment)


REFUSED: dict[str, Asking] = {
    "to is no number": lambda client: client.send(to="3125550101"),
    "to with two signs": lambda client: client.send(to="++13125550101"),
    "to with foreign digits": lambda client: client.send(to="+1312555010\u0661"),
    "to too long": lambda client: client.send(to="+1234567890123456"),
    "to with a line end": lambda client: client.send(to=THEIRS + "\n"),
    "to is a name": lambda client: client.send(to="Acme"),
    "from is no number": lambda client: client.send(to=THEIRS, from_="+0"),
    "from is empty": lambda client: client.send(to=THEIRS, from_=""),
    "long code from a short code": lambda client: client.send_long_code(from_="72555", to=THEIRS),
    "pool without profile": lambda client: client.send_number_pool(to=THEIRS, messaging_profile_id=""),
    "group of none": lambda client: client.send_group_mms(from_=OURS, to=[]),
    "group of nine": lambda client: client.send_group_mms(from_=OURS, to=[THEIRS] * 9),
    "group that is one text": lambda client: client.send_group_mms(from_=OURS, to=THEIRS),
    "group with a wrong number": lambda client: client.send_group_mms(from_=OURS, to=[THEIRS, "x"]),
    "group beyond +1": lambda client: client.send_group_mms(from_=OURS, to=[THIRD_COUNTRY]),
    "group with a short code": lambda client: client.send_group_mms(from_=OURS, to=["72555"]),
    "group with eleven digits": lambda client: client.send_group_mms(from_=OURS, to=[THEIRS + "1"]),
    "short code with a leading 0": lambda client: client.send(to="0123"),
    "message id": lambda client: client.retrieve("42"),
    "message id as URN": lambda client: client.retrieve(f"urn:uuid:{MESSAGE_ID}"),
    "message id in braces": lambda client: client.retrieve(f"{{{MESSAGE_ID}}}"),
    "message id without hyphens": lambda client: client.retrieve(MESSAGE_ID.replace("-", "")),
    "message id to cancel": lambda client: client.cancel_scheduled("../numbers"),
    "empty number id": lambda client: client.retrieve_number_settings(" "),
    "dots as id": lambda client: client.retrieve_mobile_number_settings(".."),
    "empty order": lambda client: client.retrieve_bulk_update(""),
    "too soon": scheduled(THEN + timedelta(minutes=5, milliseconds=-1)),
    "too late": scheduled(THEN + timedelta(days=5, milliseconds=1)),
    "the past": lambda client: client.send(to=THEIRS, send_at=THEN - timedelta(hours=1)),
    "key with a space": lambda client: client.send(to=THEIRS, idempotency_key="a b"),
    "empty key": lambda client: client.send(to=THEIRS, idempotency_key=""),
    "key too long": lambda client: client.send(to=THEIRS, idempotency_key="a" * 256),
    "whatsapp text too long": whatsapp(type="text", text={"body": LONG}),
    "whatsapp text empty": whatsapp(type="text", text={"body": ""}),
    "whatsapp caption too long": whatsapp(type="image", image={"link": "x", "caption": "c" * 1025}),
    "whatsapp to nobody": lambda client: client.send_whatsapp(from_=OURS, to="", whatsapp_message={}),
    "profile is no uuid": lambda client: client.update_number_settings("1", messaging_profile_id="main"),
    "bulk without numbers": lambda client: client.create_bulk_update(messaging_profile_id="", numbers=[]),
    "bulk of one text": lambda client: client.create_bulk_update(messaging_profile_id="", numbers=OURS),
    "bulk profile": lambda client: client.create_bulk_update(messaging_profile_id="main", numbers=[OURS]),
    "page 0": lambda client: client.list_opt_outs(page_number=0).page(),
    "page of none": lambda client: client.list_number_settings(page_size=0).page(),
    "page of 251": lambda client: client.list_mobile_number_settings(page_size=251).page(),
}
TAKEN: dict[str, Asking] = {
    "short code": lambda client: client.send(to="72555", from_="72555"),
    "sender id": lambda client: client.send(to=THEIRS, from_="Acme 24", messaging_profile_id=PROFILE_ID),
    "group of eight": lambda client: client.send_group_mms(from_=OURS, to=[THEIRS] * 8),
    "short code to E.164": lambda client: client.send_short_code(from_="72555", to=THEIRS),
    "message id": lambda client: client.retrieve(MESSAGE_ID.upper()),
    "number id that is no number": lambda client: client.retrieve_number_settings("abc-1"),
    "in 5 minutes": scheduled(THEN + timedelta(minutes=5)),
    "in 5 days": scheduled(THEN + timedelta(days=5)),
    "without a zone": scheduled((THEN + timedelta(hours=1)).replace(tzinfo=None)),
    "another zone": scheduled((THEN + timedelta(hours=1)).astimezone()),
    "longest key": lambda client: client.send(to=THEIRS, idempotency_key="aZ09_:-" + "k" * 248),
    "whatsapp text of 4096 bytes": whatsapp(type="text", text={"body": "\u0141" * 2048}),
    "whatsapp caption": whatsapp(type="video", video={"link": "x", "caption": "c" * 1024}),
    "whatsapp of a type to come": whatsapp(type="poll", poll={"x": 1}),
    "hidden whatsapp user": lambda client: client.send_whatsapp(
        from_=OURS, to="US.13491208655302741918", whatsapp_message={"type": "text"}
    ),
    "encoding to come": lambda client: client.send(to=THEIRS, encoding="utf8"),
    "unassign": lambda client: client.create_bulk_update(messaging_profile_id="", numbers=[OURS]),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused_before_the_call(name: str) -> None:
    """Nothing goes out, and the error names the field and not the value."""
    async with telnyx_playing() as (client, server):
        with pytest.raises(LimitError) as caught:
            await REFUSED[name](client)
    assert server.requests == []
    assert THEIRS not in str(caught.value)


WRONG: Any = 5
HALF: Any = 1.5
WRONG_TYPES: dict[str, Asking] = {
    "to": lambda client: client.send(to=WRONG),
    "from": lambda client: client.send(to=THEIRS, from_=WRONG),
    "long code": lambda client: client.send_long_code(from_=WRONG, to=THEIRS),
    "group": lambda client: client.send_group_mms(from_=OURS, to=WRONG),
    "one of a group": lambda client: client.send_group_mms(from_=OURS, to=[THEIRS, WRONG]),
    "pool": lambda client: client.send_number_pool(to=THEIRS, messaging_profile_id=WRONG),
    "whatsapp to": lambda client: client.send_whatsapp(from_=OURS, to=WRONG, whatsapp_message={}),
    "whatsapp message": lambda client: client.send_whatsapp(from_=OURS, to=THEIRS, whatsapp_message=WRONG),
    "message id": lambda client: client.retrieve(WRONG),
    "number id": lambda client: client.retrieve_number_settings(WRONG),
    "profile": lambda client: client.update_number_settings("1", messaging_profile_id=WRONG),
    "bulk numbers": lambda client: client.create_bulk_update(messaging_profile_id="", numbers=WRONG),
    "bulk profile": lambda client: client.create_bulk_update(messaging_profile_id=WRONG, numbers=[OURS]),
    "key": lambda client: client.send(to=THEIRS, idempotency_key=WRONG),
    "time": lambda client: client.schedule(to=THEIRS, send_at=WRONG),
    "page": lambda client: client.list_opt_outs(page_number=HALF).page(),
    "page size": lambda client: client.list_opt_outs(page_size=True).page(),
}


@pytest.mark.parametrize("name", WRONG_TYPES)
async def test_value_of_a_wrong_type(name: str) -> None:
    """A value of another type than documented is a LimitError as well, and nothing goes out."""
    async with telnyx_playing() as (client, server):
        with pytest.raises(LimitError):
            await WRONG_TYPES[name](client)
    assert server.requests == []


@pytest.mark.parametrize("name", TAKEN)
async def test_taken(name: str) -> None:
    """What is allowed, or not documented as refused, goes out."""
    async with telnyx_playing(SENT) as (client, server):
        await TAKEN[name](client)
    assert len(server.requests) == 1


@pytest.mark.parametrize("size", [1, 250])
async def test_smallest_and_largest_page(size: int) -> None:
    """Pages have 1 to 250 items."""
    async with telnyx_playing(Reply({"data": []})) as (client, server):
        await client.list_opt_outs(page_size=size).page()
    assert dict(server.last.query)["page[size]"] == str(size)


@given(text=st.text(max_size=40))
def test_limits_raise_nothing_else(text: str) -> None:
    """Whatever the text, a limit gives a value or a LimitError."""
    checks = (limits.number, limits.recipient, limits.sender_name, limits.whatsapp_recipient)
    for check in (*checks, limits.uuid_text, limits.profile, limits.filled, path_part):
        with contextlib.suppress(LimitError):
            assert isinstance(check("name", text), str)


@given(digits=st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z"))
def test_every_number_is_taken(digits: str) -> None:
    """E.164 is a plus sign and 7 to 15 digits, the first of them not 0."""
    assert limits.number("to", digits) == digits
    assert limits.recipient("to", digits) == digits
    assert limits.sender_name("from", digits) == digits
