"""Ids of MessageMedia's events: the same event has one, whichever way it came."""

import json
from typing import Any

import pytest

from providers.messagemedia.normalize import normalize
from schemas.events import MessageReplied
from schemas.ids import event_id
from tests.support.messagemedia_webhooks import events_of, fixture_value, polled

REPORTS, REPLIES = "/v1/delivery_reports", "/v1/replies"


def ids_of(value: Any, **webhook: Any) -> list[str]:
    """Return the ids of a body's events."""
    return [event.id for event in events_of(value, **webhook)]


def polled_ids(value: Any, path: str) -> list[str]:
    """Return the ids of a polled item's events."""
    return [event.id for event in normalize(polled(json.dumps(value).encode(), path))]


def test_a_report_by_push_by_poll_and_by_another_template_is_one() -> None:
    """The report's own id makes it, and nothing else."""
    pushed = fixture_value("report_callback")
    item = {name: value for name, value in pushed.items() if name not in {"error_code", "billing_units"}}
    item |= {"callback_url": None, "date_received": "2026-01-01T00:00:02+00:00"}
    template = {"event": "delivery_report", "drId": pushed["delivery_report_id"], "status": "DELIVERED"}
    by_get = f"/webhooks/main?group=reports&drId={pushed['delivery_report_id']}&status=delivered"
    expected = [event_id("main", "messaging.delivery.updated", pushed["delivery_report_id"])]
    assert ids_of(pushed) == polled_ids(item, REPORTS) == ids_of(template) == expected
    assert ids_of(b"", method="GET", target=by_get) == expected


def test_a_reply_by_push_and_by_poll_is_one() -> None:
    """The reply's own id makes it; so do the consents that it says."""
    pushed = fixture_value("reply_stop")
    ours = {"event": "reply", "format": "SMS", "retry_count": "2", **pushed}
    assert ids_of(pushed) == polled_ids(pushed, REPLIES) == ids_of(ours)


def test_a_polled_item_is_what_its_path_says() -> None:
    """A report that also held a reply's id would still be a report."""
    assert not isinstance(
        normalize(polled(b'{"reply_id": "1", "delivery_report_id": "2"}', REPORTS))[0], MessageReplied
    )


def test_reports_of_one_message_are_told_apart() -> None:
    """There is one for each change of status, each with an id of its own."""
    value = fixture_value("report_callback")
    assert ids_of(value) != ids_of(value | {"delivery_report_id": "5e000001-0000-4000-8000-00000000ffff"})


@pytest.mark.parametrize(
    "change", [{"status": "delivered"}, {"id": "5e000002"}, {"source_number": "+61491570157"}, {"error_code": "200"}]
)
def test_a_report_without_an_id_is_message_recipient_state_and_code(change: dict[str, str]) -> None:
    """Each of the four makes another."""
    value = fixture_value("report_minimal")
    assert ids_of(value) != ids_of(value | change)


def test_a_report_without_an_id_does_not_depend_on_anything_else() -> None:
    """Neither time nor case nor the count of retries."""
    value = fixture_value("report_minimal")
    assert ids_of(value) == ids_of(
        value | {"status": "ENROUTE", "retry_count": 1, "date_received": "2026-01-01T00:00:02Z"}
    )


def test_a_message_without_an_id_is_its_content() -> None:
    """In any order of members, without the count of retries."""
    value = fixture_value("opt_out_reply_template")
    turned = dict(reversed([*value.items(), ("retryCount", "3")]))
    assert ids_of(value) == ids_of(turned)
    assert ids_of(value) != ids_of(value | {"content": "STOP"})


def test_numbers_of_a_content_keep_every_digit() -> None:
    """A reader of values would make one float of two long integers."""
    one, two = (b'{"content": "x", "source_number": "y", "n": 9007199254740993%d}' % digit for digit in (0, 1))
    assert ids_of(one) != ids_of(two)


def test_a_large_message_without_an_id_is_its_bytes() -> None:
    """To sort megabytes would hold everybody up."""
    value = fixture_value("opt_out_reply_template") | {"attachments": [{"content": "QUFB" * 100_000}]}
    turned = dict(reversed(list(value.items())))
    assert ids_of(value) == ids_of(value) != ids_of(turned)


def test_unreadable_bodies_and_queries_are_told_apart() -> None:
    """By their bytes."""
    ids = {
        ids_of(b"<a/>")[0],
        ids_of(b"<b/>")[0],
        ids_of(b"")[0],
        ids_of(b"", method="GET", target=f"/webhooks/main?{'&'.join(['a=1'] * 300)}")[0],
    }
    assert len(ids) == 4


def test_accounts_never_share_an_id() -> None:
    """The same report of two accounts is two."""
    value = fixture_value("report_callback")
    assert ids_of(value) != [event_id("other", "messaging.delivery.updated", value["delivery_report_id"])]
