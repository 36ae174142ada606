"""The rules made ready: each condition read once, and asked of every message. Pure."""

import string
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Self

from consumers.auto_reply.hours import OpeningHours, read_hours, zone_of
from consumers.auto_reply.pattern import Pattern, read_pattern
from consumers.auto_reply.settings import AutoReplySettings, Rule
from consumers.auto_reply.template import Template, read_template
from providers.keywords import folded, help_word, opt_in_word, opt_out_word, words_of
from schemas.events import InboundMessage
from schemas.vocabulary import Autoresponse

DEFAULT_RULE = "default"
"""The name under which the default reply goes."""

LONGEST_KEYWORD = 256
"""Characters beyond which a text is no keyword."""

_PUNCTUATION = string.punctuation + "…。！？、¡¿‼⁇⁈⁉ “”‘’„«»"  # noqa: RUF001 - people write these too


class Condition(StrEnum):
    """What a rule may ask of a message. TEXT is keywords, families and pattern together."""

    TEXT = "text"
    OPT_OUT_WORD = "opt_out_word"
    FROM = "from"
    TO = "to"
    ACCOUNT = "account"
    HOURS = "hours"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at: the message, its text as keywords are compared, its family, when it was written."""

    event: InboundMessage
    words: str
    family: str | None
    written: datetime

    @classmethod
    def of(cls, event: InboundMessage, written: datetime, stop_words: AbstractSet[str] = frozenset()) -> Self:
        """Return the facts of a message. `stop_words` opt out besides the usual ones."""
        text = event.text or ""
        return cls(event, normalized(text), family_of(text, stop_words), written)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyRule:
    """A rule, ready to be asked. Without a template it is silence."""

    name: str
    keywords: frozenset[str] = frozenset()
    families: frozenset[str] = frozenset()
    pattern: Pattern | None = None
    from_: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    accounts: frozenset[str] = frozenset()
    hours: OpeningHours | None = None
    wants_open: bool = True
    template: Template | None = None

    @property
    def any_text(self) -> bool:
        """Whether it fits whatever is written."""
        return not self.keywords and not self.families and self.pattern is None

    def names(self, facts: Facts) -> bool:
        """Tell whether the text is a word that the rule names, by itself or by its family."""
        return (bool(facts.words) and facts.words in self.keywords) or facts.family in self.families

    def misses(self, facts: Facts) -> Iterator[Condition]:
        """Yield each condition that does not hold."""
        named = self.names(facts)
        if not named and not self.any_text and not self._fits_pattern(facts):
            yield Condition.TEXT
        elif not named and facts.family == Autoresponse.STOP:
            # Who wants out gets no answer by chance: only of a rule that was written for that word.
            yield Condition.OPT_OUT_WORD
        if self.from_ and not _begins(facts.event.from_, self.from_):
            yield Condition.FROM
        if self.to and not _begins(facts.event.to, self.to):
            yield Condition.TO
        if self.accounts and facts.event.account not in self.accounts:
            yield Condition.ACCOUNT
        if self.hours is not None and self.hours.is_open(facts.written) is not self.wants_open:
            yield Condition.HOURS

    def _fits_pattern(self, facts: Facts) -> bool:
        return self.pattern is not None and self.pattern.fits(facts.event.text or "")


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules in their order, the default reply the last of them, and the clock that answers tell times by.

    `stop_words` are the words of `[consumers.consent]` that opt out besides the usual ones.
    """

    settings: AutoReplySettings
    rules: tuple[ReadyRule, ...]
    zone: tzinfo
    stop_words: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: AutoReplySettings, stop_words: Iterable[str] = ()) -> Self:
        """Return the settings made ready. Raises ValueError; the loader of the configuration tells it with its line."""
        hours = {name: read_hours(table) for name, table in settings.hours.items()}
        rules = [_ready(rule, hours) for rule in settings.rules]
        if settings.default_reply:
            rules.append(ReadyRule(name=DEFAULT_RULE, template=read_template(settings.default_reply)))
        return cls(settings, tuple(rules), zone_of(settings.time_zone), words_of(stop_words))

    def facts(self, event: InboundMessage, written: datetime) -> Facts:
        """Return what the rules look at."""
        return Facts.of(event, written, self.stop_words)

    def first(self, facts: Facts) -> ReadyRule | None:
        """Return the first rule that fits."""
        return next((rule for rule in self.rules if next(rule.misses(facts), None) is None), None)


def normalized(text: str) -> str:
    """Return the text as keywords are compared: case, inner white space and punctuation at the end do not count.

    Nor does what nobody sees. A text longer than any keyword stays as it is.
    """
    words = folded(text, LONGEST_KEYWORD)
    if words is None:
        return text
    # A text of punctuation alone ('?') is a keyword like any other.
    return words.rstrip(_PUNCTUATION) or words


def family_of(text: str, stop_words: AbstractSet[str] = frozenset()) -> str | None:
    """Return the family of which the whole text is a word, as the book of consent reads it.

    `stop_words` opt out besides the usual ones.
    """
    if opt_out_word(text, stop_words):
        return Autoresponse.STOP
    if opt_in_word(text):
        return Autoresponse.START
    return Autoresponse.HELP if help_word(text) else None


def plain_number(number: str) -> str:
    """Return a number as it is compared: without its plus, letters in lower case."""
    return number.strip().removeprefix("+").casefold()


def _ready(rule: Rule, hours: Mapping[str, OpeningHours]) -> ReadyRule:
    return ReadyRule(
        name=rule.name,
        keywords=frozenset(map(normalized, rule.keywords)),
        families=frozenset(rule.families),
        pattern=None if rule.pattern is None else read_pattern(rule.pattern),
        from_=tuple(map(plain_number, rule.from_)),
        to=tuple(map(plain_number, rule.to)),
        accounts=frozenset(rule.accounts),
        hours=None if rule.hours is None else hours[rule.hours],
        wants_open=rule.when == "open",
        template=read_template(rule.reply) if rule.reply and not rule.silent else None,
    )


def _begins(number: str | None, wanted: tuple[str, ...]) -> bool:
    plain = plain_number(number or "")
    return any(plain.startswith(one[:-1]) if one.endswith("*") else plain == one for one in wanted)
