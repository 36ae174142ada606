"""One line for each event, for the screen. Numbers and texts may be shown: in the demo they are fiction."""

from dataclasses import dataclass

from schemas.events import (
    ConsentChanged,
    DeliveryUpdated,
    Event,
    InboundMessage,
    LinkClicked,
    ProviderNotified,
    SendCompleted,
    SendRequested,
    WebhookUnrecognized,
)
from schemas.times import format_time

_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Line:
    """An event on the screen: when it was received (UTC), its kind in a word or two, what it says, and whose it is."""

    time: str
    kind: str
    text: str
    account: str = ""


def line_of(event: Event) -> Line:
    """Return the line of an event."""
    return Line(
        time=format_time(event.received_at)[11:19],
        kind=event.TYPE.removeprefix("messaging."),
        text=_clean(_text(event)),
        account=event.account,
    )


def _text(event: Event) -> str:
    match event:
        case InboundMessage():
            text = f"{event.from_ or 'somebody'} wrote {_content(event)}"
        case DeliveryUpdated():
            text = f"{event.status} to {event.to or 'somebody'}"
        case LinkClicked():
            text = f"{event.to or 'somebody'} opened {event.url}"
        case SendRequested():
            text = f"answer {event.to} by rule {event.rule}: {event.text}"
        case SendCompleted():
            text = f"{event.outcome} to {event.to or 'somebody'}"
        case ConsentChanged():
            text = f"{event.number}: {event.consent}"
        case ProviderNotified() | WebhookUnrecognized():
            text = event.notice or "no name"
        case _:
            text = event.id
    return text


def _content(event: InboundMessage) -> str:
    auto = f" (the provider answers {event.autoresponse})" if event.autoresponse else ""
    if event.text:
        return f"“{event.text}”{auto}"
    return f"{len(event.media)} file(s)" if event.media else f"by {event.channel}"


def _clean(text: str) -> str:
    # Whatever a webhook holds, it must not steer the terminal.
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return printable if len(printable) <= _LONGEST else printable[: _LONGEST - 1] + "…"
