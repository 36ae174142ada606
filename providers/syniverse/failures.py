"""What a reason or failure code of Syniverse tells to do next. Source: README, section 7."""

import re
from collections.abc import Mapping, Sequence

from schemas.events import ProviderError
from schemas.vocabulary import FailureClass

FAILURES: Mapping[str, FailureClass] = {
    # Asynchronous codes.
    "1001": FailureClass.TEMPORARY,
    "1002": FailureClass.PERMANENT,
    "1003": FailureClass.CONFIGURATION,
    "1004": FailureClass.PERMANENT,
    "1005": FailureClass.OPT_OUT,
    "1006": FailureClass.CONFIGURATION,
    "1007": FailureClass.TEMPORARY,
    # Not delivered, and nothing says why.
    "1009": FailureClass.UNKNOWN,
    "1012": FailureClass.PERMANENT,
    "1015": FailureClass.CONFIGURATION,
    "1019": FailureClass.PERMANENT,
    "1039": FailureClass.TEMPORARY,
    "1067": FailureClass.TEMPORARY,
    # Status of the carrier (SMPP).
    "5": FailureClass.UNKNOWN,
    "7": FailureClass.UNKNOWN,
    "9": FailureClass.UNKNOWN,
    "90": FailureClass.UNKNOWN,
    "23": FailureClass.PERMANENT,
    "999": FailureClass.UNKNOWN,
    # Words that `failure_code` has in the Swagger.
    "INVALID_RECIPIENT": FailureClass.PERMANENT,
    "NO_CONSENT": FailureClass.OPT_OUT,
    "OTHER": FailureClass.UNKNOWN,
}
# What is no failure: success, delivered, sent to the carrier, accepted.
_NO_FAILURE = frozenset({"200", "0", "3", "4"})
_PREFIX = "SCG_ERROR_"
# Where the code is unknown the words may tell the two that matter most.
_BY_WORDS: Sequence[tuple[re.Pattern[str], FailureClass]] = (
    (re.compile(r"\bconsent\b|\bopt(ed)?[ -]?out\b|\bblacklist", re.IGNORECASE), FailureClass.OPT_OUT),
    (re.compile(r"\binvalid (recipient|address)\b", re.IGNORECASE), FailureClass.PERMANENT),
)


def errors_of(code: str | None, words: str | None) -> tuple[ProviderError, ...]:
    """Return the error that a code and its description tell of, nothing where they tell of success."""
    if bare_code(code) in _NO_FAILURE or (code is None and words is None):
        return ()
    if code is None and (words or "").upper() == "SUCCESS":
        return ()
    return (ProviderError(code=code, title=words),)


def failure_class_of(errors: Sequence[ProviderError]) -> FailureClass:
    """Return the class of a failure; UNKNOWN without errors and for codes that are not documented."""
    return next((_class_of(error) for error in errors), FailureClass.UNKNOWN)


def bare_code(code: str | None) -> str:
    """Return a code without the prefix that some pages print."""
    return (code or "").upper().removeprefix(_PREFIX)


def _class_of(error: ProviderError) -> FailureClass:
    known = FAILURES.get(bare_code(error.code))
    if known is not None:
        return known
    words = f"{error.title or ''} {error.detail or ''}"
    return next((found for pattern, found in _BY_WORDS if pattern.search(words)), FailureClass.UNKNOWN)
