"""The `[consumers.auto_reply]` tables of the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.settings import Limits, setting

_COUNT = Limits(1, 1000, zero=True)
_WINDOW = Limits(1, 30 * 86400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """`[consumers.auto_reply.hours.NAME]`: opening hours by the clock of one place."""

    time_zone: str = field(metadata={"doc": "whose clock it is, such as Europe/Zurich"})
    open: tuple[str, ...] = field(
        metadata={"doc": "when it is open: `Mon-Fri 09:00-12:00, 13:00-17:00`; `22:00-02:00` ends on the next day"}
    )
    closed: tuple[str, ...] = setting((), "dates on which nothing opens: `2026-12-25`, or `12-25` for every year")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`[[consumers.auto_reply.rules]]`: answer the messages that fit. The first rule that fits is the one.

    A text fits if it is one of the keywords, or of a family, or fits the pattern; every other condition must hold too.
    A rule without conditions fits every message.
    """

    name: str = field(metadata={"doc": "names the rule in events, metrics and logs"})
    keywords: tuple[str, ...] = setting((), "the text is one of these, whatever its case, spaces and end")
    families: tuple[str, ...] = setting(
        (),
        "`stop`, `start`, `help`: the text is a word of opting out, of opting in, or a call for help",
        choices=("stop", "start", "help"),
    )
    pattern: str | None = setting(None, "a regular expression that fits a part of the text, whatever its case")
    from_: tuple[str, ...] = setting((), "numbers of people, or how they begin: `+1555*`")
    to: tuple[str, ...] = setting((), "numbers of ours, or how they begin")
    accounts: tuple[str, ...] = setting((), "these accounts alone; all where it is absent")
    hours: str | None = setting(None, "the name of opening hours")
    when: str = setting(
        "open", "`open` or `closed`: what those must be when the message is written", choices=("open", "closed")
    )
    reply: str | None = setting(None, "the answer, a template; the empty text is silence")
    silent: bool = setting(default=False, doc="give no answer, and try no later rule")


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoReplySettings:
    """`[consumers.auto_reply]`: answers to inbound messages. A conversation is one person with one number of ours."""

    rules: tuple[Rule, ...] = setting((), "in the order in which they are tried")
    default_reply: str | None = setting(
        None, "answers what no rule fits, a template; without it such a message gets no answer"
    )
    max_age: float = setting(900.0, "seconds after which a message is too old to be answered")
    time_zone: str = setting("UTC", "whose clock the times in answers are told by")
    rate: int = setting(5, "answers that one conversation gets within rate_window; 0: no bound", limits=_COUNT)
    rate_window: float = setting(600.0, "seconds", limits=_WINDOW)
    daily: int = setting(50, "answers that one conversation gets within 24 hours; 0: no bound", limits=_COUNT)
    same_text: int = setting(
        2, "times that one conversation gets the same answer within same_text_window; 0: no bound", limits=_COUNT
    )
    same_text_window: float = setting(3600.0, "seconds", limits=_WINDOW)
    cooldown: float = setting(
        3600.0,
        "seconds in which one conversation gets default_reply once, and so each rule that fits whatever is written",
        limits=Limits(0, 30 * 86400),
    )
    hours: Mapping[str, Hours] = field(
        default_factory=dict[str, Hours], metadata={"doc": "opening hours by the names that rules call them"}
    )
