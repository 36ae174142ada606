"""Whether anything of one account came to another: webhooks, events, commands, replies, confirmations."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import permutations

from hookline.demo.books import Expected, Stored

Owners = Mapping[str, frozenset[str]]
"""The accounts that an id belongs to; more than one only where two clouds chose the same."""


def mixed(expected: Mapping[str, Expected], stored: Mapping[str, Stored]) -> tuple[str, ...]:
    """Return what mixed, a sentence a kind and pair of accounts."""
    return (
        *_between(expected, stored, "webhooks of {owner} are in the log under {other}", _webhooks),
        *_naming(expected, stored),
        *_between(expected, stored, "messages of {owner} were answered by commands of {other}", _answers),
        *_between(expected, stored, "commands of {owner} have a result of {other}", _results),
        *_between(expected, stored, "replies of {other} were sent through {owner}", _sendings),
        *_under_wrong_name(expected, stored),
        *_numbered(
            (one.strays, f"confirmations at {name} were of what it never had") for name, one in expected.items()
        ),
    )


_Count = Callable[[Expected, Stored, Expected, Stored], int]


def _between(
    expected: Mapping[str, Expected], stored: Mapping[str, Stored], sentence: str, count: _Count
) -> Iterable[str]:
    """Yield the sentence for each pair in which something of the owner is with the other."""
    none = Stored()
    return _numbered(
        (
            count(expected[owner], stored.get(owner, none), expected[other], stored.get(other, none)),
            sentence.format(owner=owner, other=other),
        )
        for owner, other in permutations(expected, 2)
    )


def _webhooks(owner: Expected, _held: Stored, other: Expected, stored: Stored) -> int:
    return len(stored.webhooks & (owner.contents - other.contents))


def _answers(owner: Expected, held: Stored, _other: Expected, stored: Stored) -> int:
    theirs = (held.events | owner.events.keys()) - stored.events
    return sum(1 for command in stored.commands if command.cause in theirs)


def _results(_owner: Expected, held: Stored, _other: Expected, stored: Stored) -> int:
    theirs = {command.id for command in held.commands} - {command.id for command in stored.commands}
    return sum(1 for result in stored.results if result.command_id in theirs)


def _sendings(owner: Expected, _held: Stored, other: Expected, stored: Stored) -> int:
    theirs = frozenset(owner.effects) - frozenset(other.effects)
    return sum(1 for result in stored.results if result.message_id in theirs)


def _naming(expected: Mapping[str, Expected], stored: Mapping[str, Stored]) -> Iterable[str]:
    """Yield for each pair how many events, commands and results of the one name messages of the other."""
    owners = _owners(expected)
    counts: dict[tuple[str, str], set[str]] = defaultdict(set)
    for account, held in stored.items():
        for event_id, message_id in held.names:
            accounts = owners.get(message_id, frozenset())
            if accounts and account not in accounts:
                counts[account, min(accounts)].add(event_id)
    return _numbered(
        (len(ids), f"events, commands or results of {account} name messages of {owner}")
        for (account, owner), ids in sorted(counts.items())
    )


def _owners(expected: Mapping[str, Expected]) -> Owners:
    found: dict[str, set[str]] = defaultdict(set)
    for account, one in expected.items():
        for message_id in (*one.messages, *one.effects):
            found[message_id].add(account)
    return {message_id: frozenset(accounts) for message_id, accounts in found.items()}


def _under_wrong_name(expected: Mapping[str, Expected], stored: Mapping[str, Stored]) -> Iterable[str]:
    for account, held in stored.items():
        if account not in expected:
            yield f"records are in the log under an account that is none: {account!r}"
            continue
        if held.disguised:
            yield f"{len(held.disguised)} events under {account} name another account themselves"
        if held.providers - {expected[account].provider}:
            yield f"records under {account} name another provider: {', '.join(sorted(held.providers))}"


def _numbered(counts: Iterable[tuple[int, str]]) -> Iterable[str]:
    return (f"{number} {what}" for number, what in counts if number)
