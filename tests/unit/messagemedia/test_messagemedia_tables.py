"""MessageMedia's tables of words and codes."""

import pytest

from providers.messagemedia.failures import FAILURES, failure_class_of
from providers.messagemedia.statuses import FAILED, FINAL, STATUSES, is_code, status_of
from schemas.vocabulary import DeliveryStatus, FailureClass

# The documented words in the order in which a message goes through them.
WAY = ("queued", "processing", "processed", "enroute", "submitted", "delivered", "read")
CODES_OF_FAILURE = (
    *("301", "302", "303", "304", "305", "320", "330", "331", "332", "333"),
    *("400", "401", "402", "403", "405", "410", "411", "412", "413", "414"),
)


def test_a_message_goes_up_in_rank_on_its_way() -> None:
    """The state of a message never goes back."""
    ranks = [STATUSES[word].rank for word in WAY]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("word", [word for word in STATUSES if word != "undefined"])
def test_every_documented_word_has_a_meaning(word: str) -> None:
    """In any case and with blanks around it."""
    assert status_of(f" {word.upper()} ", None) is STATUSES[word] is not DeliveryStatus.UNKNOWN


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("101", "sending"),
        ("151", "queued"),
        ("213", "sent"),
        ("221", "delivered"),
        ("401", "expired"),
        ("414", "rejected"),
    ],
)
def test_a_code_tells_where_the_word_is_missing(code: str, status: str) -> None:
    """From the order of the documented list."""
    assert status_of(None, code) == status
    assert status_of(code, code) == status


def test_the_word_goes_before_the_code() -> None:
    """MessageMedia says to trust the status."""
    assert status_of("enroute", "220") is DeliveryStatus.SENDING
    assert status_of("teleported", "220") is DeliveryStatus.UNKNOWN


def test_neither_word_nor_code() -> None:
    """Nothing is known then."""
    assert status_of(None, None) is status_of(None, "999") is DeliveryStatus.UNKNOWN


def test_every_code_of_a_failure_has_a_class() -> None:
    """And no other code has."""
    assert sorted(FAILURES) == sorted(CODES_OF_FAILURE)
    assert all(status_of(None, code) in FAILED for code in FAILURES)


def test_failures_end_a_message() -> None:
    """As do delivery and cancellation."""
    assert FAILED < FINAL
    assert DeliveryStatus.SENT not in FINAL


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("302", FailureClass.OPT_OUT),
        (" 410 ", FailureClass.CONFIGURATION),
        ("999", FailureClass.UNKNOWN),
        (None, FailureClass.UNKNOWN),
    ],
)
def test_class_of_a_code(code: str | None, expected: FailureClass) -> None:
    """A code that is not documented has an unknown class."""
    assert failure_class_of(code) is expected


@pytest.mark.parametrize(
    ("text", "expected"), [("200", True), (" 41 ", True), ("delivered", False), ("2e3", False), ("", False)]
)
def test_what_is_a_code(text: str, expected: bool) -> None:
    """Digits alone."""
    assert is_code(text) is expected
