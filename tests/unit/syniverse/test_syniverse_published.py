"""Requests of the client beside the provider's own examples."""

from typing import Any

import pytest

from providers.syniverse.api.models import (
    Attachment,
    Keyword,
    MessageRequest,
)
from providers.syniverse.api.people import ConsentStatus
from tests.support.syniverse_api import (
    Reply,
    example,
    fake_api,
)
from tests.support.syniverse_contracts import DONE, MADE, called


@pytest.mark.parametrize(
    ("name", "item"),
    [
        (
            "request_message_request_tracked_url",
            MessageRequest(
                from_="channel:1KJPMkuHQkair_o15etpmg",
                to=("+12025550142",),
                body='Your order: #trackurl("https://www.example.com/","orderPage")',
                external_id="order-4713",
            ),
        ),
        (
            "request_group_mms",
            MessageRequest(
                from_="EGec4ENUHMOf2AOSBGJek",
                to=("+14085551212", "+19135551212", "+16695551212"),
                body="Hello World",
                group_mms=True,
            ),
        ),
        (
            "request_mms",
            MessageRequest(
                from_="sender_id:ln9sk9JF6insXcJ5nUzKK3",
                to=("15553067507",),
                body="Hello World",
                attachments=("3gflTL0rkRIDazM9JP1fQ1",),
            ),
        ),
    ],
)
async def test_request_is_the_published_one(name: str, item: MessageRequest) -> None:
    """The same call makes the same body as the provider's example."""
    async with fake_api() as api, api.client() as syniverse:
        api.will(Reply(200, example("rest_create_response")))
        made = await syniverse.message_requests.create(item)
    assert api.seen[0].json == example(name)
    assert made.id == "8WYC4Q5UnznRlDIWXmcp45"


async def test_simple_request_is_the_published_one() -> None:
    """The example masks four digits of its number, which is put right here on both sides."""
    wanted = example("request_message_request_create")
    wanted["to"] = ["+18132200142"]
    item = MessageRequest(
        from_="channel:1KJPMkuHQkair_o15etpmg",
        to=("+18132200142",),
        body="Test Message!",
        external_id="SessionID123456,msg001,20190712",
    )
    async with fake_api() as api, api.client() as syniverse:
        api.will(MADE)
        await syniverse.message_requests.create(item)
    assert api.seen[0].json == wanted


async def test_other_requests_are_the_published_ones() -> None:
    """Keyword, attachment, its token, opt-out, and the changes of state are those of the examples."""
    keyword = Keyword(
        name="Stop word",
        description="Opts the sender out",
        value="(STOP|END|QUIT|CANCEL)",
        case="INSENSITIVE",
        sender_id="ljX2KJbs8zowzC8rFexzn6",
        type="COMPANY",
        actions=("OPTOUT",),
        reply_template="optout_confirmation",
    )
    names: dict[str, tuple[str, dict[str, Any], tuple[Reply, ...]]] = {
        "request_keyword_create": ("keywords.create", {"item": keyword}, (MADE,)),
        "request_attachment_create": (
            "attachments.create",
            {"item": Attachment(name="Wave_image", type="image/jpeg", filename="wave.jpg")},
            (MADE,),
        ),
        "request_attachment_access_token": ("attachments.token", {"id": "NHb8GCcdKO2vNowhjbUKL6"}, (MADE,)),
        "request_contact_address_status_optout": (
            "consent.optout",
            {"sender_id": "ljX2KJbs8zowzC8rFexzn6", "addresses": ["+12025550142"], "consent_status": "SMS"},
            (Reply(200, {}),),
        ),
        "request_contact_address_status_set": (
            "consent.update",
            {"id": "x", "changes": ConsentStatus(consent_status="OPTOUT")},
            (Reply(200, {"version_number": 1}), DONE),
        ),
        "request_message_processed": (
            "messages.mark_processed",
            {"id": "x"},
            (Reply(200, example("rest_message_mo_received")), DONE),
        ),
        "request_message_request_cancel": (
            "message_requests.cancel",
            {"id": "x"},
            (Reply(200, {"state": "PAUSED", "version_number": 2}), DONE),
        ),
    }
    async with fake_api() as api, api.client() as syniverse:
        for name, (operation, arguments, replies) in names.items():
            api.will(*replies)
            await called(syniverse, operation, arguments)
            assert api.seen[-1].json == example(name), name
