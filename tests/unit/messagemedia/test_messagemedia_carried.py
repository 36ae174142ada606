"""What of a body an event carries along: everything but the secrets in the URL that it went to."""

import pytest

from schemas.events import WebhookUnrecognized
from tests.support.messagemedia_webhooks import events_of, fixture_value


@pytest.mark.parametrize("name", ["token", "key", "signature_secret", "p%77d"])
@pytest.mark.parametrize("fixture", ["report_callback", "reply_callback"])
def test_a_secret_in_the_callback_url_is_left_out_of_the_event(fixture: str, name: str) -> None:
    """Its place and everything else go along."""
    value = fixture_value(fixture)
    url = "https://{}hooks.example.com/webhooks/main?a=1&{}={}&b=2"
    (event,) = events_of(value | {"callback_url": url.format("u:hidden@", name, "hidden")})
    assert event.provider_data is not None
    assert event.provider_data.value() == value | {"callback_url": url.format("", name, "REDACTED")}


@pytest.mark.parametrize("body", [{"event": "weather"}, {"event": "delivery_report"}])
def test_nor_does_it_stand_in_what_is_not_understood(body: dict[str, str]) -> None:
    """Those events carry the body too."""
    (event,) = events_of(body | {"callback_url": "https://hooks.example.com/?token=hidden"})
    assert isinstance(event, WebhookUnrecognized)
    assert event.provider_data is not None
    assert b"hidden" not in event.provider_data.raw


def test_nor_in_a_form_that_repeats_it() -> None:
    """A list of URLs is none."""
    (event,) = events_of(b"drId=1&callback_url=https://x/?token%3Dhidden&callback_url=b")
    assert event.provider_data is not None
    assert event.provider_data.value() == {"drId": "1", "callback_url": None}
