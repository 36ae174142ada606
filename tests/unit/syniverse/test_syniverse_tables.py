"""Syniverse's words and ours, as the specification lists them."""

import pytest

from providers.syniverse.consent import CONSENTS, KEYWORDS, SOURCES, STATES, statement_of
from providers.syniverse.failures import FAILURES, errors_of, failure_class_of
from providers.syniverse.statuses import REQUESTS, STATUSES, request_status_of, status_of
from schemas.events import ProviderError


@pytest.mark.parametrize(
    ("state", "ours"),
    [
        ("CREATED", "queued"),
        ("SCHEDULED", "scheduled"),
        ("PAUSED", "queued"),
        ("TEST", "cancelled"),
        ("QUEUED", "queued"),
        ("SENT", "sent"),
        ("DELIVERED", "delivered"),
        ("READ", "read"),
        ("CLICKTHRU", "read"),
        ("CONVERTED", "read"),
        ("FAILED", "failed"),
        ("EXPIRED", "expired"),
        ("BAD_REQUEST", "rejected"),
        ("DELETED", "cancelled"),
        ("delivered", "delivered"),
        ("SOMETHING", "unknown"),
        (None, "unknown"),
    ],
)
def test_states_of_messages(state: str | None, ours: str) -> None:
    """Section 4.2, whatever the case."""
    assert status_of(state) == ours


@pytest.mark.parametrize(
    ("state", "ours"),
    [
        ("SUBMITTED", "submitted"),
        ("ACCEPTED", "accepted"),
        ("REJECTED", "rejected"),
        ("PREPARING", "preparing"),
        ("PAUSED", "paused"),
        ("TRANSMITTING", "transmitting"),
        ("COMPLETED", "completed"),
        ("CANCELED", "cancelled"),
        ("SOMETHING", "unknown"),
    ],
)
def test_states_of_requests(state: str, ours: str) -> None:
    """Section 4.1."""
    assert request_status_of(state) == ours


@pytest.mark.parametrize(
    ("code", "words", "ours"),
    [
        ("1002", None, "permanent"),
        ("INVALID_RECIPIENT", None, "permanent"),
        ("1005", None, "opt_out"),
        ("SCG_ERROR_1005", None, "opt_out"),
        ("NO_CONSENT", None, "opt_out"),
        ("1007", None, "temporary"),
        ("1039", None, "temporary"),
        ("1067", None, "temporary"),
        ("1004", None, "permanent"),
        ("23", None, "permanent"),
        ("1015", None, "configuration"),
        ("1009", None, "unknown"),
        ("4711", "No subscriber consent", "opt_out"),
        ("4711", "Invalid recipient address", "permanent"),
        (None, "opted out", "opt_out"),
        ("4711", None, "unknown"),
    ],
)
def test_classes_of_failures(code: str | None, words: str | None, ours: str) -> None:
    """Section 7 by code; where that is unknown, the words may tell."""
    assert failure_class_of(errors_of(code, words)) == ours


@pytest.mark.parametrize(("code", "words"), [("200", "SUCCESS"), ("0", "DELIVRD"), (None, "success"), (None, None)])
def test_success_is_no_error(code: str | None, words: str | None) -> None:
    """Every event has a reason, and most are none."""
    assert errors_of(code, words) == ()


def test_an_error_keeps_code_and_words() -> None:
    """As Syniverse writes them."""
    assert errors_of("SCG_ERROR_1009", "Gone") == (ProviderError(code="SCG_ERROR_1009", title="Gone"),)


def test_tables_are_whole() -> None:
    """Every consent, source, and every asynchronous code of the specification has a word of ours."""
    assert set(STATES) == {"NONE", "OPTIN", "OPTOUT", "BLACKLIST", "WHITELIST"}
    assert set(SOURCES) == {"MESSAGE", "CARRIER", "COMPANY"}
    codes = "1001 1002 1003 1004 1005 1006 1007 1009 1012 1015 1019 1039 1067 5 7 9 90 23 999"
    assert set(codes.split()) < set(FAILURES)
    assert (len(STATUSES), len(REQUESTS)) == (14, 8)


def test_words_that_people_write_stand_in_the_table_that_is_shown() -> None:
    """A word means what the page of words says, for there is one table."""
    written = {word: found.consent for word in CONSENTS if (found := statement_of(word)) is not None}
    assert written == dict(KEYWORDS)
    assert {"STOP", "STOP ALL", "START"} < set(written)
