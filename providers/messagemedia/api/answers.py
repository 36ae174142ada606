"""What an answer of MessageMedia says: its errors, and what it means for a command to send.

Source: README of this folder, section 6.
"""

from collections.abc import Mapping

from providers.bodies import parse_object
from providers.contract import SendReceipt, SendStatus
from providers.fields import EMPTY, Json, items, text
from providers.rest.answers import Answer, pause_of
from schemas.events import ProviderError
from schemas.vocabulary import FailureClass

# 401 and 403 are the key or a feature that is off, 422 is the TLS of this machine.
_ACCOUNT_AT_FAULT = frozenset({401, 403, 422})
# A proxy's word: the request may have gone through.
_IN_DOUBT = frozenset({408})
_TOO_EARLY_OR_TOO_MANY = frozenset({425, 429})


def errors_of(body: bytes) -> tuple[ProviderError, ...]:
    """Return the error of `{"message", "details"}`; nothing where the body says nothing."""
    answer = parse_object(body).root
    title = text(answer, "message")
    detail = "; ".join(item for item in items(answer, "details") if isinstance(item, str)) or None
    return () if title is None and detail is None else (ProviderError(title=title, detail=detail),)


def receipt_of(answer: Answer, now: float) -> SendReceipt:
    """Return what the answer to a command of one message means. `now` is in Unix seconds."""
    if 200 <= answer.status < 300:
        return _accepted(answer)
    errors = errors_of(answer.body)
    again = _again(answer.status, answer.headers)
    if again is None:
        return _refused(answer.status, errors)
    status, reason = again
    return SendReceipt(
        status=status,
        http_status=answer.status,
        retry_after=pause_of(answer.status, answer.headers, now),
        errors=errors,
        reason=reason,
    )


def _accepted(answer: Answer) -> SendReceipt:
    messages = items(parse_object(answer.body).root, "messages")
    message_id = text(_object(messages[0]), "message_id") if messages else None
    if message_id is None:
        return SendReceipt(status=SendStatus.UNKNOWN, http_status=answer.status, reason="no_message_id")
    return SendReceipt(status=SendStatus.ACCEPTED, http_status=answer.status, message_id=message_id)


def _again(status: int, headers: Mapping[str, str]) -> tuple[SendStatus, str] | None:
    """Return RETRY or UNKNOWN with its reason, None for a refusal."""
    if status in _TOO_EARLY_OR_TOO_MANY:
        return SendStatus.RETRY, "rate_limited"
    if status == 503 and "retry-after" in headers:
        return SendStatus.RETRY, "provider_unwell"
    return (SendStatus.UNKNOWN, "provider_unwell") if status >= 500 or status in _IN_DOUBT else None


def _refused(status: int, errors: tuple[ProviderError, ...]) -> SendReceipt:
    failure_class, reason = FailureClass.PERMANENT, "refused"
    if status < 400:
        # base_url names a place that sends us elsewhere; following would hand the key over.
        failure_class, reason = FailureClass.CONFIGURATION, "redirected"
    elif status in _ACCOUNT_AT_FAULT:
        failure_class = FailureClass.CONFIGURATION
    return SendReceipt(
        status=SendStatus.REFUSED, http_status=status, failure_class=failure_class, errors=errors, reason=reason
    )


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else EMPTY
