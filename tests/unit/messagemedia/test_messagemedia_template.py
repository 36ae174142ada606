"""The templates of our webhooks: valid JSON whatever an event holds or lacks, and read by the normalizer."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.messagemedia.api.limits import EVENTS, check_webhook_url
from providers.messagemedia.normalize import normalize
from providers.messagemedia.preparing.template import GROUPS, Group, webhook_url
from schemas.events import ConsentChanged, DeliveryUpdated, Event, MessageReceived, MessageReplied
from schemas.webhook import Webhook
from tests.support.messagemedia_api import example
from tests.support.messagemedia_velocity import render

REPORTS, REPLIES, OPT_OUTS = GROUPS
LITERALS = {"reports": "delivery_report", "replies": "reply", "opt_outs": "opt_out"}
REPORT: dict[str, Any] = {
    "drId": "01e1fa0a-6e27-4945-9cdb-18644b4de043",
    "mtId": "877c19ef-fa2e-4cec-827a-e1df9b5509f7",
    "status": "delivered",
    "statusCode": 220,
    "sourceAddress": "+61491570156",
    "receivedTimestamp": "2026-01-01T00:00:02.000Z",
    "submittedTimestamp": "2026-01-01T00:00:01.000Z",
    "mtContent": 'Open "9 to 17"\n\\o/ 😀',
    "billingUnits": 2,
    "format": "SMS",
    "vendorId": "MessageMedia",
    "accountId": "Shop",
    "metadata": {'a "key"': "line\nbreak", "hookline_command": "c0ffee"},
    "retryCount": 3,
}
REPLY: dict[str, Any] = {
    "moId": "a175e797-2b54-468b-9850-41a3eab32f74",
    "mtId": "877c19ef-fa2e-4cec-827a-e1df9b5509f7",
    "sourceAddress": "+61491570156",
    "destinationAddress": "+61491570157",
    "receivedTimestamp": "2026-01-01T00:00:02.000Z",
    "moContent": 'He said "hi"\r\n\t\x07 😀',
    "format": "MMS",
    "accountId": "Shop",
    "metadata": {},
    "attachments": [
        {"contentType": "image/png", "base64": "dGVzdA==", "originalName": 'my "cat".png'},
        {"contentType": "image/gif", "base64": "dGVzdA==", "originalName": None},
    ],
}
OPT_OUT: dict[str, Any] = {
    "notificationId": "3e6e6b1a-6c1d-4b1a-9c1e-6f1a6b1a6c1d",
    "sourceAddress": "+61491570156",
    "receivedTimestamp": "2026-01-01T00:00:02.000Z",
    "moContent": "STOP",
    "accountId": "Shop",
}


def rendered(group: Group, values: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON that a group's webhook has for an event."""
    value: dict[str, Any] = json.loads(render(group.template, values))
    return value


def events_of(group: Group, values: dict[str, Any]) -> tuple[Event, ...]:
    """Return what the normalizer makes of a delivery of a group's webhook."""
    return normalize(
        Webhook(
            provider="messagemedia",
            account="mm",
            method="POST",
            target=webhook_url("/webhooks/mm", group),
            headers=(("content-type", "application/json"),),
            body=render(group.template, values).encode(),
            received_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
    )


def test_report_with_everything() -> None:
    """A report has the members of the fixed notification, and every text as it was."""
    body = rendered(REPORTS, REPORT)
    assert body == {
        "event": "delivery_report",
        "delivery_report_id": REPORT["drId"],
        "message_id": REPORT["mtId"],
        "status": "delivered",
        "error_code": "220",
        "source_number": "+61491570156",
        "date_received": "2026-01-01T00:00:02.000Z",
        "submitted_date": "2026-01-01T00:00:01.000Z",
        "original_text": REPORT["mtContent"],
        "billing_units": "2",
        "format": "SMS",
        "vendor_account_id": {"vendor_id": "MessageMedia", "account_id": "Shop"},
        "metadata": REPORT["metadata"],
    }


def test_repeat_has_the_same_bytes() -> None:
    """The count of retries is no part of a body: a repeat is then a duplicate byte for byte."""
    assert render(REPORTS.template, REPORT) == render(REPORTS.template, REPORT | {"retryCount": 4})


def test_reply_with_files() -> None:
    """A reply has its text and its files, with the names that the fixed notification gives them."""
    body = rendered(REPLIES, REPLY)
    assert body["content"] == REPLY["moContent"]
    assert body["attachments"] == [
        {"content_type": "image/png", "content": "dGVzdA==", "original_name": 'my "cat".png'},
        {"content_type": "image/gif", "content": "dGVzdA==", "original_name": ""},
    ]


@pytest.mark.parametrize(
    ("group", "name"),
    [(REPORTS, "callback_delivery_report"), (REPLIES, "callback_mms_reply"), (OPT_OUTS, "webhook_opt_out")],
)
def test_members_are_named_as_the_provider_names_them(group: Group, name: str) -> None:
    """One parser serves our webhooks and the fixed notifications, what no variable gives apart."""
    theirs = set(example(name)) - {"callback_url", "delay", "account_id"}
    ours = set(rendered(group, {})) - {"event", "format", "billing_units"}
    assert theirs <= ours
    assert ours - theirs <= {"vendor_account_id"}


@pytest.mark.parametrize("group", GROUPS, ids=[group.name for group in GROUPS])
def test_event_without_any_value(group: Group) -> None:
    """Where every variable is missing the body is JSON still, and says what it is."""
    body = rendered(group, {})
    assert body["event"] == LITERALS[group.name]
    assert body["metadata"] == {}
    assert not any("$" in str(value) for value in body.values())


TEXTS = st.text(max_size=20) | st.sampled_from(['"', "\\", "\n", "\r\n", "\u2028", "😀", '","x":"', "$moId", "#end"])
NAMES = sorted({*REPORT, *REPLY, *OPT_OUT} - {"metadata", "attachments"})
FILES = st.fixed_dictionaries({}, optional=dict.fromkeys(("contentType", "originalName"), st.none() | TEXTS))
VALUES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(NAMES, st.none() | TEXTS | st.integers()),
        "metadata": st.none() | st.dictionaries(TEXTS, st.none() | TEXTS, max_size=4),
        "attachments": st.none() | st.lists(FILES, max_size=3),
    },
)


# The first draw loads Unicode's tables, which a busy machine takes its time for.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values=VALUES, group=st.sampled_from(GROUPS))
def test_whatever_an_event_holds_the_body_is_json(values: dict[str, Any], group: Group) -> None:
    """Quotes, line ends, emoji and what looks like a template change nothing: each text comes out as it went in."""
    body = rendered(group, values)
    assert body["event"] == LITERALS[group.name]
    metadata = values.get("metadata") or {}
    assert body["metadata"] == {key: "" if value is None else value for key, value in metadata.items()}
    said = values.get("mtContent" if group is REPORTS else "moContent")
    assert body["original_text" if group is REPORTS else "content"] == ("" if said is None else str(said))


def test_report_is_normalized() -> None:
    """The normalizer reads our report."""
    (event,) = events_of(REPORTS, REPORT)
    assert isinstance(event, DeliveryUpdated)
    assert (event.status, event.to, event.provider_event_id) == ("delivered", "+61491570156", REPORT["drId"])
    assert event.cost is not None
    assert event.cost.amount == "2"


def test_reply_is_normalized() -> None:
    """The normalizer reads our reply with its files; one that answers nothing is a message received."""
    (event,) = events_of(REPLIES, REPLY)
    assert isinstance(event, MessageReplied)
    assert (event.text, event.provider_event_id) == (REPLY["moContent"], REPLY["moId"])
    assert [media.name for media in event.media] == ['my "cat".png', None]
    (unsolicited,) = events_of(REPLIES, REPLY | {"mtId": None, "attachments": None})
    assert isinstance(unsolicited, MessageReceived)
    assert unsolicited.media == ()


def test_opt_out_is_normalized() -> None:
    """The normalizer reads our opt-out as a message and a consent."""
    message, consent = events_of(OPT_OUTS, OPT_OUT)
    assert isinstance(message, MessageReceived)
    assert isinstance(consent, ConsentChanged)
    assert (consent.number, consent.consent) == ("+61491570156", "opted_out")
    assert message.provider_event_id == OPT_OUT["notificationId"]


def test_every_event_has_one_group() -> None:
    """The three webhooks together get every event that there is, each once."""
    assert sorted(event for group in GROUPS for event in group.events) == sorted(EVENTS)


def test_each_group_has_a_url_of_its_own() -> None:
    """URL and method are unique at the provider; a query that is there stays in front."""
    urls = [webhook_url("https://hooks.example/webhooks/mm", group) for group in GROUPS]
    assert len(set(urls)) == len(GROUPS)
    assert urls[0] == "https://hooks.example/webhooks/mm?group=reports"
    assert webhook_url("https://hooks.example/mm?k=v", OPT_OUTS) == "https://hooks.example/mm?k=v&group=opt_outs"
    for url in urls:
        check_webhook_url(url)
