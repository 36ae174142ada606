"""The final check: what the clouds know against what the log holds. A pure function over collected sets."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hookline.demo.books import Expected, Stored, StoredResult
from hookline.demo.mixing import mixed
from schemas.vocabulary import SendOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is wrong with one account, each kind in a list of names or ids. All empty is a clean run."""

    lost: tuple[str, ...] = ()
    lost_events: tuple[str, ...] = ()
    forged: int = 0
    unanswered: tuple[str, ...] = ()
    answered_twice: tuple[str, ...] = ()
    answered_wrongly: tuple[str, ...] = ()
    not_sent_once: tuple[str, ...] = ()
    sent_without_result: tuple[str, ...] = ()
    unconfirmed: int = 0
    answered: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.lines()

    def lines(self) -> Sequence[str]:
        """Return what is wrong, a sentence each."""
        kinds: tuple[tuple[str, Sequence[str]], ...] = (
            ("acknowledged webhooks are not in the log", self.lost),
            ("events of acknowledged webhooks are not in the log", self.lost_events),
            ("messages got no answer", self.unanswered),
            ("messages got more than one answer", self.answered_twice),
            ("messages were answered that must not be", self.answered_wrongly),
            ("commands were not sent exactly once", self.not_sent_once),
            ("messages were sent without a result in the log", self.sent_without_result),
        )
        numbers = (("forged webhooks are in the log", self.forged), ("items were not confirmed", self.unconfirmed))
        counted = [f"{number} {what}" for what, number in numbers if number]
        return [*counted, *(f"{len(names)} {what}: {_few(names)}" for what, names in kinds if names)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What is wrong, by account, and what of one account came to another."""

    accounts: Mapping[str, Findings] = field(default_factory=dict[str, Findings])
    mixed: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.lines()

    def lines(self) -> Sequence[str]:
        """Return what is wrong, a sentence each."""
        return [*self.mixed, *(f"{name}: {line}" for name, found in self.accounts.items() for line in found.lines())]

    @property
    def lost(self) -> int:
        """How many acknowledged webhooks are not in the log."""
        return sum(len(found.lost) for found in self.accounts.values())

    @property
    def lost_events(self) -> int:
        """How many events of acknowledged webhooks are not in the log."""
        return sum(len(found.lost_events) for found in self.accounts.values())

    @property
    def answered(self) -> int:
        """How many messages got the one answer that they had to get."""
        return sum(found.answered for found in self.accounts.values())


def check(expected: Mapping[str, Expected], stored: Mapping[str, Stored]) -> Audit:
    """Return all that is wrong; what the log holds is by the account that it stands under there."""
    return Audit(
        accounts={name: check_account(one, stored.get(name, Stored())) for name, one in expected.items()},
        mixed=mixed(expected, stored),
    )


def check_account(expected: Expected, stored: Stored) -> Findings:
    """Return everything that the log lacks of one account, or holds and must not."""
    lost = tuple(
        label
        for digest, label in expected.webhooks.items()
        if stored.webhooks.isdisjoint((digest, *expected.others.get(digest, ())))
    )
    lost_events = tuple(
        f"{label} {name}"
        for name, label in expected.events.items()
        if name not in stored.events and expected.keys.get(name) not in stored.keys
    )
    answers = Counter(command.cause for command in stored.commands)
    results: dict[str, list[StoredResult]] = defaultdict(list)
    for result in stored.results:
        results[result.command_id].append(result)
    effects = Counter(expected.effects)
    made = {result.message_id for result in stored.results}
    return Findings(
        lost=lost,
        lost_events=lost_events,
        forged=len(expected.forged & stored.webhooks),
        unanswered=tuple(sorted(one for one in expected.replies if not answers[one])),
        answered_twice=tuple(sorted(one for one in expected.replies if answers[one] > 1)),
        answered_wrongly=tuple(sorted(one for one in expected.silent if answers[one])),
        not_sent_once=tuple(
            sorted(one.id for one in stored.commands if not _sent_once(results.get(one.id, ()), effects))
        ),
        sent_without_result=tuple(effect for effect in sorted(effects) if effect not in made),
        unconfirmed=expected.unconfirmed,
        answered=sum(1 for one in expected.replies if answers[one] == 1),
    )


def _sent_once(results: Sequence[StoredResult], effects: Mapping[str, int]) -> bool:
    return (
        len(results) == 1 and results[0].outcome == SendOutcome.SENT and effects.get(results[0].message_id or "") == 1
    )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
