"""Limits that are refused before a call, and addresses that pass untouched."""

from datetime import timedelta
from typing import Any

import pytest

from providers.rest.errors import LimitError
from providers.syniverse.api.limits import LONGEST_EXTERNAL_ID
from providers.syniverse.api.models import (
    Message,
    MessageRequest,
)
from tests.support.syniverse_api import (
    fake_api,
)
from tests.support.syniverse_contracts import MADE, NOW


@pytest.mark.parametrize(
    "address",
    [
        "+12025550142",
        "15553067507",
        "66000",
        "contact:c1",
        "group:g1",
        "voice:+12025550142",
        "fb:1@2",
        "we:1@2",
        "psh:apn@s@t",
        "wa:+12025550142",
        "tomorrow:x",
    ],
)
async def test_recipients_pass_untouched(address: str) -> None:
    """Numbers and prefixed addresses go out as they are."""
    async with fake_api() as api, api.client() as syniverse:
        api.will(MADE)
        await syniverse.message_requests.create(MessageRequest(from_="channel:x", to=(address,), body="Hi"))
    assert api.seen[0].json["to"] == [address]


@pytest.mark.parametrize("sender", ["sender_id:s1", "channel:c1", "EGec4ENUHMOf2AOSBGJek", "1KJPMkuHQkair_o15etpmg"])
async def test_senders_pass_untouched(sender: str) -> None:
    """A sender is an id, with or without a prefix."""
    async with fake_api() as api, api.client() as syniverse:
        api.will(MADE)
        await syniverse.messages.create(Message(from_=sender, to="+12025550142", body="Hi"))
    assert api.seen[0].json["from"] == sender


SOMEBODY = ("+12025550142",)


@pytest.mark.parametrize(
    "item",
    [
        MessageRequest(to=("+0123",)),
        MessageRequest(to=("+1 202 555 0142",)),
        MessageRequest(to=("Ada",)),
        MessageRequest(to=("",)),
        MessageRequest(to=("1234567890123456",)),
        Message(to="+12"),
        MessageRequest(from_="", to=SOMEBODY),
        MessageRequest(from_="+12", to=SOMEBODY),
        MessageRequest(from_="two words", to=SOMEBODY),
        MessageRequest(to=SOMEBODY, external_id="x" * (LONGEST_EXTERNAL_ID + 1)),
        MessageRequest(to=SOMEBODY, attachments=("a",), media_urls=("https://example.com/a.jpg",)),
        MessageRequest(to=SOMEBODY, pause_expiry_time=NOW + timedelta(hours=24, seconds=1)),
        MessageRequest(to=tuple(f"+120255501{number:02}" for number in range(11)), group_mms=True),
        MessageRequest(to=("+61491570156",), group_mms=True),
    ],
    ids=lambda item: type(item).__name__,
)
async def test_documented_limits_are_refused_before_the_call(item: Any) -> None:
    """What the provider documents as refused never leaves; the error names no number."""
    async with fake_api() as api, api.client() as syniverse:
        resource: Any = syniverse.message_requests if isinstance(item, MessageRequest) else syniverse.messages
        with pytest.raises(LimitError) as caught:
            await resource.create(item)
    assert api.seen == []
    assert "0142" not in str(caught.value)


@pytest.mark.parametrize(
    "item",
    [
        MessageRequest(to=SOMEBODY, external_id="x" * LONGEST_EXTERNAL_ID),
        MessageRequest(to=SOMEBODY, pause_expiry_time=NOW + timedelta(hours=24)),
        MessageRequest(
            to=SOMEBODY,
            scheduled_delivery_time=NOW + timedelta(days=2),
            pause_expiry_time=NOW + timedelta(days=3),
        ),
        MessageRequest(to=tuple(f"+120255501{number:02}" for number in range(10)), group_mms=True),
    ],
    ids=["external id", "pause", "scheduled pause", "group"],
)
async def test_what_is_just_within_the_limits_goes_out(item: MessageRequest) -> None:
    """A limit is the last value that is allowed."""
    async with fake_api() as api, api.client() as syniverse:
        api.will(MADE)
        await syniverse.message_requests.create(item)
    assert len(api.seen) == 1
