"""The final check: what the cloud knows against what the log holds. A pure function over collected sets."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas.vocabulary import SendOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must be in the log, by the cloud's own books.

    `webhooks` holds the digest of each acknowledged body, `events` the id of each event in them, both with the
    provider's name of it; `replies` the messages that must be answered, `silent` those that must not, `forged`
    the digests of bodies that were never genuine, `effects` the ids of messages that calls made.
    """

    webhooks: Mapping[bytes, str] = field(default_factory=dict[bytes, str])
    events: Mapping[str, str] = field(default_factory=dict[str, str])
    replies: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    forged: frozenset[bytes] = frozenset()
    effects: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """A command in the log: its id, and the message that it answers."""

    id: str
    in_reply_to: str | None


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A result in the log: the command that it ends, how, and the message that the provider made."""

    command_id: str
    outcome: str
    message_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What is in the log: digests of raw bodies, ids of events, commands and results.

    All are sets: a record that is there twice with the same id is one event to every reader.
    """

    webhooks: frozenset[bytes] = frozenset()
    events: frozenset[str] = frozenset()
    commands: frozenset[StoredCommand] = frozenset()
    results: frozenset[StoredResult] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is wrong, each kind in a list of names or ids. All empty is a clean run."""

    lost: tuple[str, ...] = ()
    lost_events: tuple[str, ...] = ()
    forged: int = 0
    unanswered: tuple[str, ...] = ()
    answered_twice: tuple[str, ...] = ()
    answered_wrongly: tuple[str, ...] = ()
    not_sent_once: tuple[str, ...] = ()
    sent_without_result: tuple[str, ...] = ()
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
        forged = [f"{self.forged} forged webhooks are in the log"] if self.forged else []
        return [*forged, *(f"{len(names)} {what}: {_few(names)}" for what, names in kinds if names)]


def check(expected: Expected, stored: Stored) -> Findings:
    """Return everything that the log lacks, or holds and must not."""
    lost = tuple(label for digest, label in expected.webhooks.items() if digest not in stored.webhooks)
    lost_events = tuple(f"{label} {name}" for name, label in expected.events.items() if name not in stored.events)
    answers = Counter(command.in_reply_to for command in stored.commands)
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
        answered=sum(1 for one in expected.replies if answers[one] == 1),
    )


def _sent_once(results: Sequence[StoredResult], effects: Mapping[str, int]) -> bool:
    return (
        len(results) == 1 and results[0].outcome == SendOutcome.SENT and effects.get(results[0].message_id or "") == 1
    )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
