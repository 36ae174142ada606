"""What an answer of Telnyx's send API means for the command that asked."""

from collections.abc import Mapping

from providers.contract import SendReceipt, SendStatus
from providers.fields import EMPTY, Json, mapping, text
from providers.rest.answers import json_of, pause_of
from providers.telnyx.failures import error_of, errors_of, failure_class_of
from schemas.events import ProviderError
from schemas.vocabulary import FailureClass

SPEND_LIMIT = "40333"
"""The code of the daily spend limit, which comes with status 429."""

# The answers that say that the request was not begun: too early, too many, no service now (RFC 9110, 6585, 8470).
_NOT_BEGUN = frozenset({425, 429, 503})
# What may come after the message went out. 408 is a proxy's word, 409 says that the same key is at work now.
_IN_DOUBT = frozenset({408, 409})
_ACCOUNT_AT_FAULT = frozenset({401, 402, 403, 404, 405})


def errors_in(body: bytes) -> tuple[ProviderError, ...]:
    """Return the errors of an answer's body: a list, the bare object of some calls, or none where it is no JSON."""
    value = json_of(body)
    return _errors(value) if isinstance(value, dict) else ()


def receipt_of(status: int, headers: Mapping[str, str], body: bytes, now: float) -> SendReceipt:
    """Return what an answer means. `headers` are read by lower-case name; `now` is in Unix seconds."""
    value = json_of(body)
    answer: Json = value if isinstance(value, dict) else EMPTY
    if 200 <= status < 300:
        return _accepted(status, answer)
    errors = _errors(answer)
    again = _again(status, errors)
    if again is None:
        return _refused(status, errors)
    found, reason = again
    return SendReceipt(
        status=found, http_status=status, retry_after=pause_of(status, headers, now), errors=errors, reason=reason
    )


def _again(status: int, errors: tuple[ProviderError, ...]) -> tuple[SendStatus, str] | None:
    """Return RETRY or UNKNOWN with its reason, None for a refusal."""
    if _spent(status, errors):
        return None
    if status in _NOT_BEGUN:
        return SendStatus.RETRY, "rate_limited" if status == 429 else "provider_unwell"
    if status >= 500 or status in _IN_DOUBT:
        return SendStatus.UNKNOWN, "provider_unwell"
    if status >= 400 and _class(status, errors) is FailureClass.TEMPORARY:
        # A refusal sends nothing, and a code such as 40318 (queue full) says that it passes.
        return SendStatus.RETRY, "refused_for_now"
    return None


def _accepted(status: int, answer: Json) -> SendReceipt:
    message_id = text(mapping(answer, "data"), "id")
    if message_id is None:
        return SendReceipt(status=SendStatus.UNKNOWN, http_status=status, reason="no_message_id")
    return SendReceipt(status=SendStatus.ACCEPTED, http_status=status, message_id=message_id)


def _refused(status: int, errors: tuple[ProviderError, ...]) -> SendReceipt:
    failure_class, reason = FailureClass.CONFIGURATION, "spend_limit"
    if status < 400:
        # base_url names a place that sends us elsewhere; following would hand the key over.
        reason = "redirected"
    elif not _spent(status, errors):
        failure_class, reason = _class(status, errors), "refused"
    return SendReceipt(
        status=SendStatus.REFUSED, http_status=status, failure_class=failure_class, errors=errors, reason=reason
    )


def _class(status: int, errors: tuple[ProviderError, ...]) -> FailureClass:
    by_code = failure_class_of(errors)
    if by_code is not FailureClass.UNKNOWN:
        return by_code
    return FailureClass.CONFIGURATION if status in _ACCOUNT_AT_FAULT else FailureClass.PERMANENT


def _spent(status: int, errors: tuple[ProviderError, ...]) -> bool:
    """Return whether a 429 is the daily spend limit, which no waiting mends before tomorrow."""
    return status == 429 and any(error.code == SPEND_LIMIT for error in errors)


def _errors(answer: Json) -> tuple[ProviderError, ...]:
    """Return the errors of `{"errors": [...]}`, or of the bare object that some calls answer."""
    if "errors" in answer:
        return errors_of(answer)
    bare = error_of(answer)
    return () if bare == ProviderError() else (bare,)
