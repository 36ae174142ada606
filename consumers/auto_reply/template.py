"""Answers with the event's fields in them: `{name}`, and for times `{name:%H:%M}`; `{{` and `}}` are braces. Pure.

A small language of our own: a name is one of a fixed list, a value is only ever text, and nothing of the template can
reach into an object. What stands in an answer goes back to the author of the message alone.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from schemas.events import InboundMessage

LONGEST_ANSWER = 1600
"""Characters of a filled answer; what is longer is cut. Ten segments hold 1530 of GSM-7."""

LONGEST_VALUE = 320
"""Characters of one field in an answer; what is longer is cut."""

PLAIN_TIME = "%Y-%m-%d %H:%M"

_TEXTS: Mapping[str, Callable[[InboundMessage], str | None]] = {
    "text": lambda event: event.text,
    "from": lambda event: event.from_,
    "to": lambda event: event.to,
    "account": lambda event: event.account,
    "tenant": lambda event: event.tenant,
    "provider": lambda event: event.provider,
    "channel": lambda event: event.channel,
    "subject": lambda event: event.subject,
    "message_id": lambda event: event.message_id,
    "id": lambda event: event.id,
}
_TIMES: Mapping[str, Callable[[InboundMessage], datetime | None]] = {
    "occurred_at": lambda event: event.occurred_at or event.received_at,
    "received_at": lambda event: event.received_at,
}
FIELDS = (*_TEXTS, *_TIMES)
"""The names that may stand in a template."""

_UNSENDABLE = frozenset({"Cc", "Cs"})
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
# Not strftime: its words depend on the locale, and it has directives that depend on the system.
_DIRECTIVES: Mapping[str, Callable[[datetime], str]] = {
    "Y": lambda moment: f"{moment.year:04}",
    "m": lambda moment: f"{moment.month:02}",
    "d": lambda moment: f"{moment.day:02}",
    "H": lambda moment: f"{moment.hour:02}",
    "M": lambda moment: f"{moment.minute:02}",
    "S": lambda moment: f"{moment.second:02}",
    "%": lambda _moment: "%",
}


class TemplateError(ValueError):
    """A template that cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Field:
    """A place for a value; `form` is how a time is written."""

    name: str
    form: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """An answer in pieces: texts that stay, and places for values."""

    pieces: tuple[str | Field, ...]

    def fill(self, event: InboundMessage, zone: tzinfo) -> str:
        """Return the answer to a message, at most LONGEST_ANSWER characters. Absent values are empty. Never raises."""
        filled = "".join(piece if isinstance(piece, str) else _value(piece, event, zone) for piece in self.pieces)
        return filled[:LONGEST_ANSWER]


def read_template(text: str) -> Template:
    """Return the template that a text is. Raises TemplateError."""
    template = Template(tuple(_pieces(text)))
    if sum(len(piece) for piece in template.pieces if isinstance(piece, str)) > LONGEST_ANSWER:
        raise TemplateError(f"longer than {LONGEST_ANSWER} characters")
    return template


def _pieces(text: str) -> Iterator[str | Field]:
    for found in _PIECE.finditer(text):
        piece = found[0]
        if found[1] is not None:
            yield _field(found[1])
        elif piece in {"{", "}"}:
            raise TemplateError(f"a lone {piece!r}; a brace that is to be sent is written twice: {piece * 2!r}")
        else:
            yield piece[:1] if piece in {"{{", "}}"} else piece


def _field(text: str) -> Field:
    name, colon, form = text.partition(":")
    if name not in FIELDS:
        raise TemplateError(f"no field {{{name}}}; there are {', '.join(f'{{{known}}}' for known in FIELDS)}")
    if colon and name not in _TIMES:
        raise TemplateError(f"{{{text}}}: only a time has a form; write {{{name}}}")
    wrong = [mark for mark in _DIRECTIVE.findall(form) if mark not in _DIRECTIVES]
    if wrong or (colon and not form):
        known = " ".join(f"%{mark}" for mark in _DIRECTIVES)
        raise TemplateError(f"{{{text}}}: a time is written with {known}, such as {{{name}:%H:%M}}")
    return Field(name, form)


def _value(field: Field, event: InboundMessage, zone: tzinfo) -> str:
    if field.name in _TIMES:
        moment = _TIMES[field.name](event)
        return "" if moment is None else _told(moment, field.form or PLAIN_TIME, zone)
    value = (_TEXTS[field.name](event) or "")[:LONGEST_VALUE]
    # A control character has no place in a text to a telephone; what is left of it is a space.
    return "".join(" " if unicodedata.category(char) in _UNSENDABLE and char != "\n" else char for char in value)


def _told(moment: datetime, form: str, zone: tzinfo) -> str:
    try:
        here = moment.astimezone(zone)
    except OverflowError:
        here = moment
    return _DIRECTIVE.sub(lambda found: _DIRECTIVES[found[1]](here), form)
