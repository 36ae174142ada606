"""How a message that somebody might write would be answered: the consumer's own functions, with each step kept."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from consumers.auto_reply.deciding import Decision, ReplyOutcome, decide, moment_of, silences
from consumers.auto_reply.rules import Condition, Facts, ReadyRule, RuleBook, family_of
from consumers.segments import Segmented, segmented
from hookline.configuration.config import Config
from hookline.consuming.replying import special_accounts
from hookline.replies import never_fitting
from providers.contract import Account
from providers.registry import provider
from schemas.events import MessageReceived
from schemas.vocabulary import Autoresponse, Direction

# 555-01XX is set aside for fiction in the numbering plan of North America.
SAMPLE_THEIRS = "+15555550123"
SAMPLE_OURS = "+15555550100"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A message to try. With `ask_provider` its autoresponse is what the provider's documentation says of the text."""

    account: Account
    text: str = field(repr=False)
    theirs: str
    ours: str | None
    at: datetime
    autoresponse: Autoresponse | None = None
    ask_provider: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule that was asked: the conditions that do not hold, each with its reason; none for the one that fires."""

    rule: str
    misses: tuple[tuple[Condition, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What comes of a message. `silences` keep it from any answer; `answer` is how the text is sent.

    `verdicts` are of the rules up to the one that fires; `behind` are those that are not asked any more. `provider` is
    the title of the one who would answer by itself, with the family of the word.
    """

    decision: Decision
    silences: tuple[ReplyOutcome, ...]
    verdicts: tuple[Verdict, ...]
    behind: tuple[str, ...]
    answer: Segmented | None
    title: str
    autoresponse: Autoresponse | None


def tried(config: Config, asked: Asked) -> Tried:
    """Return what would be decided about the message, and why."""
    book = RuleBook.of(config.consumers.auto_reply, config.consumers.consent.stop_words)
    found = provider(asked.account.provider)
    autoresponse = found.answers(asked.text, asked.account.settings) if asked.ask_provider else asked.autoresponse
    event = _event(asked, autoresponse)
    ways = special_accounts(config).ways(asked.account.name)
    facts = book.facts(event, moment_of(event, asked.at))
    verdicts = tuple(_verdicts(book, facts))
    decision = decide(book, event, asked.at, ways)
    return Tried(
        decision=decision,
        silences=tuple(silences(book.settings, event, asked.at, ways)),
        verdicts=verdicts,
        behind=tuple(rule.name for rule in book.rules[len(verdicts) :]),
        answer=None if decision.text is None else segmented(decision.text),
        title=found.title,
        autoresponse=autoresponse,
    )


def warnings_of(config: Config) -> Iterator[str]:
    """Yield what of the rules can never work as it is meant."""
    for name, word, title in never_fitting(config):
        yield f"rule {name!r}: {title} answers {word!r} itself, so the rule never does"
    book = RuleBook.of(config.consumers.auto_reply, config.consumers.consent.stop_words)
    counts = Counter(rule.name for rule in book.rules)
    for name in (name for name, count in counts.items() if count > 1):
        yield f"rule {name!r}: the name of {counts[name]} rules, so figures and cooldown cannot tell them apart"
    for index, rule in enumerate(book.rules):
        before = next((other for other in book.rules[:index] if _takes_all(other)), None)
        if before is not None and not _names_stop(rule, book.stop_words):
            yield f"rule {rule.name!r}: comes behind {before.name!r}, which fits every message, so it never fires"


def _takes_all(rule: ReadyRule) -> bool:
    return rule.any_text and not (rule.from_ or rule.to or rule.accounts or rule.hours)


def _names_stop(rule: ReadyRule, stop_words: frozenset[str]) -> bool:
    """Tell whether the rule names a word of opting out, which no rule takes that does not name it."""
    named = any(family_of(word, stop_words) == Autoresponse.STOP for word in rule.keywords)
    return named or Autoresponse.STOP in rule.families


def _event(asked: Asked, autoresponse: Autoresponse | None) -> MessageReceived:
    return MessageReceived(
        id="tried",
        provider=asked.account.provider,
        account=asked.account.name,
        tenant=asked.account.tenant,
        message_id="tried",
        occurred_at=asked.at,
        received_at=asked.at,
        from_=asked.theirs,
        to=asked.ours,
        text=asked.text,
        direction=Direction.INBOUND,
        autoresponse=autoresponse,
    )


def _verdicts(book: RuleBook, facts: Facts) -> Iterator[Verdict]:
    for rule in book.rules:
        misses = tuple((condition, _reason(rule, condition, facts)) for condition in rule.misses(facts))
        yield Verdict(rule.name, misses)
        if not misses:
            return


def _reason(rule: ReadyRule, condition: Condition, facts: Facts) -> str:
    event = facts.event
    match condition:
        case Condition.TEXT:
            return f"the text is {' and '.join(_text_parts(rule, facts))}"
        case Condition.OPT_OUT_WORD:
            return "the text is a word of opting out, which the rule does not name"
        case Condition.FROM:
            return f"it comes from {event.from_}, not from {_any_of(rule.from_)}"
        case Condition.TO:
            return f"it goes to {event.to or 'no number'}, not to {_any_of(rule.to)}"
        case Condition.ACCOUNT:
            return f"it comes to account {event.account}, not to {_any_of(rule.accounts)}"
        case Condition.HOURS:
            return _hours_reason(rule, facts)


def _text_parts(rule: ReadyRule, facts: Facts) -> Iterator[str]:
    if rule.keywords:
        yield f"{facts.words!r}, none of {_any_of(repr(word) for word in sorted(rule.keywords))}"
    if rule.families:
        yield f"no word of the family {_any_of(rule.families)}"
    if rule.pattern is not None:
        yield f"nothing that the pattern {rule.pattern.text} fits"


def _hours_reason(rule: ReadyRule, facts: Facts) -> str:
    if rule.hours is None:
        return ""
    here = rule.hours.local(facts.written)
    state, wanted = ("closed", "open") if rule.wants_open else ("open", "closed")
    return f"it is {here:%a %Y-%m-%d %H:%M} in {rule.hours.zone}: {state}, and the rule wants {wanted}"


def _any_of(words: Iterable[str]) -> str:
    return " or ".join(sorted(words))
