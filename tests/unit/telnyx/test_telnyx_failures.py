"""What Telnyx's error codes and statuses mean."""

import pytest

from providers.fields import number
from providers.telnyx.failures import failure_class_of
from providers.telnyx.optout import autoresponse_of
from providers.telnyx.statuses import status_of
from schemas.events import ProviderError


@pytest.mark.parametrize(
    ("code", "title", "detail", "expected"),
    [
        ("40006", None, None, "temporary"),
        ("40014", None, None, "temporary"),
        ("40020", None, None, "temporary"),
        ("40001", None, None, "permanent"),
        ("40310", None, None, "permanent"),
        ("40010", None, None, "configuration"),
        ("40333", None, None, "configuration"),
        ("20100", None, None, "configuration"),
        ("40300", "Blocked due to STOP message", None, "opt_out"),
        ("40300", None, "Messages cannot be sent due to an existing block rule.", "opt_out"),
        ("40300", "Forbidden", "The from number is not assigned to a messaging profile.", "configuration"),
        ("40300", "Destination number unreachable", "Not reachable.", "permanent"),
        ("40300", None, None, "permanent"),
        ("40301", "Destination number blocked", "The recipient has opted out of messages", "opt_out"),
        ("40301", "Unsupported message type", None, "permanent"),
        ("49999", "Something new", None, "unknown"),
        (None, "Blocked due to STOP message", None, "unknown"),
    ],
)
def test_class_of_a_code(code: str | None, title: str | None, detail: str | None, expected: str) -> None:
    """The documented class decides; 40300 and 40301 have several meanings, and their words decide."""
    assert failure_class_of([ProviderError(code=code, title=title, detail=detail)]) == expected


def test_gravest_error_decides() -> None:
    """Of several errors the one that forbids most counts."""
    errors = [ProviderError(code="40006"), ProviderError(code="40300", title="Blocked due to STOP message")]
    assert failure_class_of(errors) == "opt_out"


def test_no_error_is_unknown() -> None:
    """A failure may come with no error at all."""
    assert failure_class_of([]) == "unknown"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("scheduled", "scheduled"),
        ("sending", "sending"),
        ("cancelled", "cancelled"),
        ("webhook_delivered", "delivered"),
        ("Delivered", "delivered"),
        ("dlr_timeout", "unconfirmed"),
        ("gw_reject", "rejected"),
        ("gw_timeout", "unknown"),
    ],
)
def test_status_words(word: str, expected: str) -> None:
    """Each word has its meaning, and one that is not clear has none."""
    assert status_of(word, "message.finalized") == expected


def test_read_by_the_events_name() -> None:
    """A recipient whose status lags behind has read the message all the same."""
    assert status_of("delivered", "message.read") == "read"


@pytest.mark.parametrize("text", ["STOP.", "stop all!", " Unsubscribe?! ", "\u201cStop\u201d".strip("\u201c\u201d")])
def test_an_opt_out_with_punctuation_is_one(text: str) -> None:
    """Without `autoresponse_type` the fallback errs towards opting out."""
    assert autoresponse_of({}, text) == "stop"


def test_an_opt_out_within_a_sentence_is_none() -> None:
    """The whole text has to be the word."""
    assert autoresponse_of({}, "Stop by tomorrow.") is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("+13125550101", "+13125550101"),
        ("1 (312) 555-0101", "+13125550101"),
        ("+44 20 7946 0000", "+442079460000"),
        ("555-0101", "555-0101"),
        ("13125550101", "+13125550101"),
        ("++13125550101", "+13125550101"),
        ("72555", "72555"),
        ("3125550101", "3125550101"),
        ("ACMECORP", "ACMECORP"),
        ("+44776600****", "+44776600****"),
        ("00447700900123", "00447700900123"),
        ("١٢٣٤٥٦٧٨٩٠١", "١٢٣٤٥٦٧٨٩٠١"),
    ],
)
def test_numbers(given: str, expected: str) -> None:
    """What is a number gets one plus; what is none stays as it is."""
    assert number(given) == expected
