"""Statements of our own, published like those of a provider. Numbers are read first and all checked, then published."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from broker.log import Log, LogUnavailableError
from consumers.consent.numbers import canonical
from consumers.consent.publishing import Decision, by_company
from hookline.errors import CallError, CommandError
from schemas.envelope import event_to_record

MOST_NUMBERS = 1_000_000
"""Numbers that one import may have; more are to be given in several."""

AT_ONCE = 500
LONGEST_NOTE = 200
_APPEND_WAIT = 60.0
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_SCOPE = re.compile(r"account|[a-z]{1,20}:[^|\s]{1,200}", re.ASCII)


def numbers_of(lines: Iterable[str], place: str) -> Sequence[str]:
    """Return the numbers of a list, one a line, each once; `#` begins a comment.

    Raises CallError, which names the line and does not show what stands in it.
    """
    found: dict[str, None] = {}
    for count, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip().lstrip("\ufeff")
        if not text:
            continue
        number = canonical(text)
        if not _NUMBER.fullmatch(number):
            raise CallError(f"{place}, line {count}: no number of E.164, as +15550100; nothing was published")
        found[number] = None
        if len(found) > MOST_NUMBERS:
            raise CallError(f"{place}: more than {MOST_NUMBERS} numbers; give them in several; nothing was published")
    return tuple(found)


def check_scope(scope: str) -> str:
    """Return a scope as events have it. Raises CallError."""
    if _SCOPE.fullmatch(scope):
        return scope
    raise CallError(f"scope {scope!r}: write account, or a provider's own as profile:ID or sender:ID")


async def publish(log: Log, decision: Decision, numbers: Sequence[str], now: datetime) -> None:
    """Publish a statement about each number. Raises CommandError, which tells how far it came, LogError."""
    done = 0
    try:
        for some in _parts(numbers):
            await log.append_many([event_to_record(by_company(decision, each, now)) for each in some], _APPEND_WAIT)
            done += len(some)
    except LogUnavailableError as error:
        raise CommandError(
            f"the log took {done} of {len(numbers)} statements and then no more: {error}; "
            "to give all of them again does no harm"
        ) from error


def _parts(numbers: Sequence[str]) -> Iterator[Sequence[str]]:
    return (numbers[start : start + AT_ONCE] for start in range(0, len(numbers), AT_ONCE))
