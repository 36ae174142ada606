"""What answers of Syniverse's APIs say: errors, ids, pages. Source: specification, sections 1.11 e, 2.5, 2.7, 2.18."""

from typing import TypeVar

from providers.fields import EMPTY, Json, code, integer, text
from providers.rest.answers import Answer, json_of
from providers.rest.errors import UnreadableAnswerError
from providers.rest.pages import Page
from providers.syniverse.api.records import Record, read
from schemas.events import ProviderError

R = TypeVar("R", bound=Record)

STALE = "1001"
TOKEN_BUSY = "4090"  # noqa: S105 - a code, no token
TOKEN_EXPIRED = "4046"  # noqa: S105 - a code, no token
NO_SUCH_RESOURCE = frozenset({"404", "4040", "4041"})
"""Codes of a 404 that are about the resource; the others are about what a sender lacks. Source: section 2."""
_PREFIX = "SCG_ERROR_"


def errors_of(body: bytes) -> tuple[ProviderError, ...]:
    """Return the error of a refusal: `{"error_code", "error_description"}`, the code without its prefix."""
    found = _object(body)
    number = code(found, "error_code")
    words = text(found, "error_description")
    if number is None and words is None:
        return ()
    return (ProviderError(code=number.removeprefix(_PREFIX) if number else None, title=words),)


def regeneration_errors_of(body: bytes) -> tuple[ProviderError, ...]:
    """Return the error of a refused token regeneration; its words are left out, for the request holds secrets."""
    number = code(_object(body), "errorCode")
    return () if number is None else (ProviderError(code=number),)


def object_of(answer: Answer, name: str) -> Json:
    """Return the JSON object of a success. Raises UnreadableAnswerError where there is none."""
    value = answer.json()
    if not isinstance(value, dict):
        raise UnreadableAnswerError(f"{name}: the answer is no JSON object")
    return value


def page_of(kind: type[R], answer: Answer, offset: int, name: str) -> Page[R]:
    """Return the page of a list that begins at `offset`. Raises UnreadableAnswerError where there is no list.

    The next one begins after what came: the server may give less than it was asked for.
    """
    found = object_of(answer, name)
    listed = found.get("list")
    if not isinstance(listed, list):
        raise UnreadableAnswerError(f"{name}: the answer has no list")
    total = integer(found, "total")
    end = offset + len(listed)
    last = not listed or (total is not None and end >= total)
    items = tuple(read(kind, item) for item in listed)
    return Page(items=items, place=offset, next_place=None if last else end, total=total)


def _object(body: bytes) -> Json:
    value = json_of(body)
    return value if isinstance(value, dict) else EMPTY
