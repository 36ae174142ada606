"""The book about one person, in plain lines or as JSON. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consumers.consent.permission import Permission
from consumers.consent.statement import Statement
from schemas.times import format_time, from_millis


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the book has about a person: the answer by account, what counts, and all that was said."""

    number: str
    sender: str | None
    answers: Mapping[str, Permission]
    counting: Sequence[Statement]
    history: Sequence[Statement]


def lines_of(known: Known) -> Iterator[str]:
    """Yield the page for people."""
    ours = f"from {known.sender}" if known.sender else "from any number"
    for account, answer in known.answers.items():
        yield f"{account}: {known.number} may{'' if answer.allowed else ' not'} be texted {ours}: {_why(answer)}"
    if not known.answers:
        yield f"{known.number}: nothing was said"
    if known.counting:
        yield "\nwhat counts, by scope:"
        yield from (f"  {each.account}  {each.scope}  {_told(each)}" for each in known.counting)
    if known.history:
        yield "\nwhat was said, the latest first:"
        yield from (f"  {each.account}  {each.scope}  {_told(each)}{_details(each)}" for each in known.history)


def fields_of(known: Known) -> Mapping[str, Any]:
    """Return the same for a program."""
    return {
        "number": known.number,
        "sender": known.sender,
        "accounts": {name: _answer_fields(answer) for name, answer in known.answers.items()},
        "counting": [_fields(each) for each in known.counting],
        "history": [_fields(each) for each in known.history],
    }


def _why(answer: Permission) -> str:
    if answer.since is None:
        return "nothing was said"
    return f"{answer.consent} in scope {answer.scope} since {format_time(answer.since)}, {_source(answer.source)}"


def _told(statement: Statement) -> str:
    return f"{statement.consent}  {format_time(from_millis(statement.moment_ms))}  {_source(statement.source)}"


def _source(source: str | None) -> str:
    return f"source {source or 'unknown'}"


def _details(statement: Statement) -> str:
    named = {
        "keyword": statement.keyword,
        "told as": statement.provider_status,
        "webhook": statement.webhook_id,
        "event": statement.event_id,
    }
    return "".join(f", {name} {_plain(value)}" for name, value in named.items() if value)


def _plain(text: str) -> str:
    # What a person or a provider wrote must not steer the terminal.
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _answer_fields(answer: Permission) -> Mapping[str, Any]:
    return {
        "allowed": answer.allowed,
        "consent": answer.consent,
        "scope": answer.scope,
        "source": answer.source,
        "since": None if answer.since is None else format_time(answer.since),
    }


def _fields(statement: Statement) -> Mapping[str, Any]:
    return {
        "account": statement.account,
        "scope": statement.scope,
        "consent": statement.consent,
        "moment": format_time(from_millis(statement.moment_ms)),
        "received": format_time(from_millis(statement.received_ms)),
        "source": statement.source,
        "keyword": statement.keyword,
        "provider_status": statement.provider_status,
        "webhook_id": statement.webhook_id,
        "event_id": statement.event_id,
    }
