"""Errors of calls: typed by status, with the provider's code, and without data in their text."""

import pytest

from providers.rest.answers import LONGEST_PAUSE, Answer, json_of, pause_of
from providers.rest.errors import (
    ApiError,
    AuthenticationError,
    ConflictError,
    DeadlineError,
    LimitError,
    NotFoundError,
    OutcomeUnknownError,
    ProviderFaultError,
    RateLimitedError,
    RefusedError,
    refused,
)
from schemas.errors import HooklineError
from schemas.events import ProviderError


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (300, RefusedError),
        (400, RefusedError),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, RefusedError),
        (429, RateLimitedError),
        (500, ProviderFaultError),
        (599, ProviderFaultError),
    ],
)
def test_kind_by_status(status: int, kind: type[RefusedError]) -> None:
    """Every status has its exception, and every exception is one of ours."""
    error = refused(status, (), 3.0, "send")
    assert type(error) is kind
    assert isinstance(error, ApiError)
    assert isinstance(error, HooklineError)
    assert (error.status, error.retry_after, error.code) == (status, 3.0, None)
    assert str(error) == f"send: status {status}"


def test_code_is_that_of_the_first_error_with_one() -> None:
    """An error without a code does not hide the code of the next."""
    errors = (ProviderError(title="One"), ProviderError(code="42", title="Two"))
    error = refused(400, errors, None, "send")
    assert error.code == "42"
    assert str(error) == "send: status 400, code 42"


def test_text_holds_nothing_that_the_provider_says() -> None:
    """It quotes what was sent, numbers and credentials among it: that does not go into logs."""
    errors = (ProviderError(code="no code at all: +1 312", title="Number +13125550101", detail="secret words"),)
    assert str(refused(400, errors, None, "send")) == "send: status 400"


def test_families() -> None:
    """A limit is a ValueError too, and a missed deadline an unknown outcome."""
    assert issubclass(LimitError, ValueError)
    assert issubclass(DeadlineError, OutcomeUnknownError)


@pytest.mark.parametrize(("body", "value"), [(b'{"a": 1}', {"a": 1}), (b"", None), (b"<html>", None), (b"\xff", None)])
def test_json_of_an_answer(body: bytes, value: object) -> None:
    """A body that is no JSON has no value, and raises nothing."""
    assert json_of(body) == value
    assert Answer(200, {}, body).json() == value


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1800"}, 1800.0),
        ({"retry-after": "86400"}, LONGEST_PAUSE),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:10 GMT"}, 10.0),
        ({"retry-after": "Mon, 99 Foo 2026"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_pause(headers: dict[str, str], seconds: float | None) -> None:
    """The pause that an answer asks for is a number, a date, or nothing that is believed."""
    assert pause_of(503, headers, 1_767_225_600.0) == seconds


@pytest.mark.parametrize(("status", "seconds"), [(429, 5.0), (503, None), (500, None), (200, None)])
def test_rate_limit_header_is_a_wish_where_there_were_too_many_calls(status: int, seconds: float | None) -> None:
    """It comes with every answer: elsewhere it says nothing of when to come again."""
    assert pause_of(status, {"x-ratelimit-reset": "1767225605"}, 1_767_225_600.0) == seconds
