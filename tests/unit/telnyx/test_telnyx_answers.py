"""Telnyx's published answers as typed values, and the shapes that its pages disagree about."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from providers.rest.answers import Answer
from providers.telnyx.answers import receipt_of
from providers.telnyx.client import TelnyxClient
from providers.telnyx.models import Message, NumberSettings, OptOut
from schemas.times import format_time
from tests.support.rest_server import Reply
from tests.support.telnyx import NOW
from tests.support.telnyx_calls import (
    EXAMPLES,
    MESSAGE_ID,
    NUMBER_ID,
    OURS,
    PROFILE_ID,
    THEIRS,
    example,
    telnyx_playing,
)

Asking = Callable[[TelnyxClient], Awaitable[Any]]


async def answered(name: str, ask: Asking) -> Any:
    """Return what our client makes of a published answer."""
    async with telnyx_playing(Reply(example(name))) as (client, _):
        return await ask(client)


def send(client: TelnyxClient) -> Awaitable[Message]:
    """Send a message."""
    return client.send(to=THEIRS)


@pytest.mark.parametrize(
    "name",
    [
        "rest_send_message_response",
        "rest_send_message_response_capture_2025_03_22",
        "rest_send_message_response_openapi",
        "rest_whatsapp_response",
        "rest_schedule_message_response",
        "rest_group_mms_response_from_string",
        "rest_retrieve_message_response",
        "rest_cancel_scheduled_response_unwrapped",
    ],
)
async def test_published_message(name: str) -> None:
    """Every published message gives its id, its sender and the state of each recipient, and is kept whole."""
    message = await answered(name, send)
    source = example(name)
    source = source.get("data", source)
    sender = source["from"]
    assert message.id == source["id"]
    assert message.from_.phone_number == (sender if isinstance(sender, str) else sender["phone_number"])
    assert [one.phone_number for one in message.to] == [one["phone_number"] for one in source["to"]]
    assert [one.status for one in message.to] == [one["status"] for one in source["to"]]
    assert message.raw == source


async def test_published_cost() -> None:
    """An amount is decimal text, also where the page has a number; its parts are told."""
    number = await answered("rest_send_message_response", send)
    whole = await answered("rest_send_message_response_openapi", send)
    assert (number.cost.amount, number.cost.currency) == ("0.0051", "USD")
    assert whole.cost_breakdown.carrier_fee.amount == "0.00305"
    assert whole.wait_seconds == 0.5


async def test_published_cancellation_has_no_envelope() -> None:
    """A cancelled message comes without `data`."""
    message = await answered(
        "rest_cancel_scheduled_response_unwrapped", lambda client: client.cancel_scheduled(MESSAGE_ID)
    )
    assert message.to[0].status == "cancelled"


async def test_published_times() -> None:
    """Times are UTC."""
    message = await answered("rest_schedule_message_response", send)
    assert format_time(message.send_at) == "2026-02-15T14:30:00.000Z"


async def test_published_number_settings() -> None:
    """Settings of a number give its profile, features and health."""
    found: NumberSettings = await answered(
        "rest_phone_number_messaging_response", lambda client: client.retrieve_number_settings(NUMBER_ID)
    )
    assert (found.phone_number, found.type, found.messaging_product) == ("+18005550001", "tollfree", "A2P")
    assert found.features is not None
    assert found.features.sms is not None
    assert found.features.sms.domestic_two_way is True
    assert found.features.mms is None
    assert found.health is not None
    assert (found.health.message_count, found.health.spam_ratio) == (122, 0.06)
    assert found.eligible_messaging_products == ("A2P",)


async def test_published_mobile_number_settings() -> None:
    """A number is kept as Telnyx writes it, two plus signs and all."""
    found: NumberSettings = await answered(
        "rest_mobile_phone_number_messaging_response",
        lambda client: client.retrieve_mobile_number_settings(NUMBER_ID),
    )
    assert (found.id, found.phone_number) == ("2126210528794641864", "++13127367407")


async def test_published_page() -> None:
    """The second page of three names the third."""
    page = await answered(
        "rest_list_phone_number_messaging_page_2_of_3", lambda client: client.list_number_settings().page(2)
    )
    assert (page.place, page.next_place, page.total) == (2, 3, 55)
    assert page.items[0].id == NUMBER_ID


async def test_published_opt_outs() -> None:
    """Opt-outs give who and when, and null where Telnyx has null."""
    page = await answered("rest_list_optouts_response", lambda client: client.list_opt_outs().page())
    first, second = page.items
    assert isinstance(first, OptOut)
    assert (first.from_, first.to, first.keyword) == ("+18005550100", "+18005550199", "STOP")
    assert first.created_at is not None
    assert format_time(first.created_at) == "2025-04-28T12:00:38.631Z"
    assert (second.keyword, second.messaging_profile_id, page.next_place) == (None, None, None)


async def test_published_bulk_update() -> None:
    """A bulk update tells which numbers are done, waiting and failed."""
    found = await answered(
        "rest_bulk_update_response",
        lambda client: client.create_bulk_update(messaging_profile_id=PROFILE_ID, numbers=[OURS]),
    )
    assert (found.order_id, len(found.success)) == ("00000000-0000-0000-0000-000000000000", 3)
    assert (found.pending, found.failed) == ((), ())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rest_error_40300_stop_block", "opt_out"),
        ("rest_error_40301_opted_out_conflicting", "opt_out"),
        ("rest_error_40300_from_not_assigned_conflicting", "configuration"),
        ("rest_error_40300_destination_unreachable_conflicting", "permanent"),
        ("rest_error_40333_spend_limit", "configuration"),
        ("rest_error_bare_object", "permanent"),
    ],
)
def test_published_error_of_a_send(name: str, expected: str) -> None:
    """The words decide what a code with several meanings means."""
    value = example(name)
    assert value
    answer = Answer(400, {}, (EXAMPLES / f"{name}.json").read_bytes())
    assert receipt_of(answer.status, answer.headers, answer.body, NOW).failure_class == expected


@pytest.mark.parametrize(
    ("value", "number"),
    [(OURS, OURS), ({"phone_number": OURS}, OURS), (None, None), ([], None), (42, None), ({"phone_number": 1}, None)],
)
def test_sender_in_every_shape(value: object, number: str | None) -> None:
    """A sender is an object or a text; of any other type it is absent."""
    found = Message.of({"from": value}).from_
    assert (found.phone_number if found is not None else None) == number


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        (THEIRS, [THEIRS]),
        ([THEIRS, {"phone_number": OURS}], [THEIRS, OURS]),
        (None, []),
        ([None, 1], []),
        ({"phone_number": OURS}, []),
    ],
)
def test_recipients_in_every_shape(value: object, numbers: list[str]) -> None:
    """Recipients are a list of objects or texts, or one text."""
    assert [one.phone_number for one in Message.of({"to": value}).to] == numbers
