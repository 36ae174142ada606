"""What an error code of Telnyx tells to do next.

Source: README, section 4 and `error_codes.json`: the documented classes first, else what the title says.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from providers.fields import Json, code, items, mapping, text
from schemas.events import ProviderError
from schemas.vocabulary import FailureClass

_DOCUMENTED: Mapping[FailureClass, str] = {
    # "Retry with backoff", "retry after intervention", "temporary hold".
    FailureClass.TEMPORARY: "40006 40008 40002 40005 40011 40014 40016 40017 40018 40318 40020 40320",
    FailureClass.PERMANENT: "40001 40003 40300 40314 40322",
    # "Action required"; 40010 is also listed as permanent, and registering is the action.
    FailureClass.CONFIGURATION: "40010 40015 40019 40315 40329 40333",
}
_BY_TITLE: Mapping[FailureClass, str] = {
    FailureClass.TEMPORARY: "10007 10008 10011 10035 10036 10037 40157",
    FailureClass.PERMANENT: (
        "10002 10004 10005 10006 10012 10013 10014 10015 10016 10017 10018 10019 10020 10021 10022 10023 10024 10025"
        " 10026 10027 10028 10029 10030 10031 10032 10033 10034"
        " 40004 40007 40009 40012 40301 40302 40303 40304 40310 40316 40317 40319 40328"
    ),
    FailureClass.CONFIGURATION: (
        "10001 10003 10009 10010 10038 10039"
        " 20000 20001 20002 20003 20004 20005 20006 20007 20008 20009 20010 20011 20012 20013 20014 20015 20016 20017"
        " 20100 40013 40100 40150 40151 40152 40153 40154 40155 40156 40158 40159"
        " 40305 40306 40307 40308 40309 40311 40312 40313 40321 40323 40324 40325 40326 40327 40330 40331 40332"
    ),
}
FAILURES: Mapping[str, FailureClass] = {
    number: failure_class
    for table in (_BY_TITLE, _DOCUMENTED)
    for failure_class, numbers in table.items()
    for number in numbers.split()
}
"""Telnyx's codes and our classes. For 40300 and 40301 title and detail may say otherwise: then it is an opt-out."""

# Telnyx's pages give these two codes several meanings; the words decide.
_AMBIGUOUS = frozenset({"40300", "40301"})
_OPT_OUT = re.compile(r"\bstop message\b|\bblock rule\b|\bopt(ed|ing)?[ -]?out\b|\bunsubscribed\b", re.IGNORECASE)
_NOT_OURS = re.compile(r"\bnot (assigned|associated)\b", re.IGNORECASE)
# With several errors, the one that forbids most decides.
_GRAVEST_FIRST = (
    FailureClass.OPT_OUT,
    FailureClass.CONFIGURATION,
    FailureClass.PERMANENT,
    FailureClass.TEMPORARY,
)
_RECIPIENT = re.compile(r"/to/(\d{1,3})(/|$)", re.ASCII)


def errors_of(source: Json) -> tuple[ProviderError, ...]:
    """Return the errors of a payload or an answer."""
    return tuple(_error(item) for item in items(source, "errors") if isinstance(item, dict | str))


def errors_of_each(source: Json, recipients: int) -> Sequence[tuple[ProviderError, ...]]:
    """Return for each of several recipients the errors of a payload, without those that point to another one."""
    errors = errors_of(source)
    if recipients == 1:
        return [errors]
    places = [_place(item) for item in items(source, "errors") if isinstance(item, dict | str)]
    told = list(zip(errors, places, strict=True))
    return [tuple(error for error, place in told if place in {None, index}) for index in range(recipients)]


def error_of(item: Json) -> ProviderError:
    """Return one error object."""
    return ProviderError(code=code(item, "code"), title=text(item, "title"), detail=text(item, "detail"))


def failure_class_of(errors: Iterable[ProviderError]) -> FailureClass:
    """Return the class of a failure; UNKNOWN without errors and for codes that are not documented."""
    classes = {_class_of(error) for error in errors}
    return next((one for one in _GRAVEST_FIRST if one in classes), FailureClass.UNKNOWN)


def _class_of(error: ProviderError) -> FailureClass:
    if error.code in _AMBIGUOUS:
        words = f"{error.title or ''} {error.detail or ''}"
        if _OPT_OUT.search(words):
            return FailureClass.OPT_OUT
        if _NOT_OURS.search(words):
            return FailureClass.CONFIGURATION
    return FAILURES.get(error.code or "", FailureClass.UNKNOWN)


def _error(item: Json | str) -> ProviderError:
    return ProviderError(title=item) if isinstance(item, str) else error_of(item)


def _place(item: Json | str) -> int | None:
    """Return to which recipient an error points, None where it points to none."""
    pointer = text(mapping(item, "source"), "pointer") if isinstance(item, dict) else None
    found = _RECIPIENT.match(pointer or "")
    return int(found[1]) if found else None
