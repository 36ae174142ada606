"""A message's life in words, or as JSON. Numbers are hidden unless they are asked for; a text is never known here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from consumers.track.merging import NO_MOMENT, Standing
from consumers.track.places import EventNote, Place
from hookline.called import command
from hookline.life import Life
from schemas.times import format_time, from_millis
from schemas.topics import WEBHOOKS
from schemas.vocabulary import EventType

_KEPT_IN_FRONT, _KEPT_BEHIND = 3, 2
_HIDDEN = "\u2026"
_NAMES: Mapping[str, str] = {
    EventType.DELIVERY_UPDATED: "delivery",
    EventType.REQUEST_UPDATED: "request",
    EventType.SEND_COMPLETED: "send",
}


def hidden(number: str, *, shown: bool) -> str:
    """Return a number as it may be shown: its beginning and its end."""
    if shown or len(number) <= _KEPT_IN_FRONT + _KEPT_BEHIND:
        return number
    return f"{number[:_KEPT_IN_FRONT]}{_HIDDEN}{number[-_KEPT_BEHIND:]}"


def life_lines(life: Life, config: Sequence[str] = (), *, numbers: bool) -> Sequence[str]:
    """Return the lines that tell a life; `config` names the configuration in a command."""
    tenant = f", tenant {_clean(life.tenant)}" if life.tenant else ""
    head = f"message {_clean(life.message_id)}, account {_clean(life.account)} ({life.provider or 'unknown'}{tenant})"
    return [
        head,
        *(f"  {_state_line(place, one, numbers=numbers)}" for place, one in sorted(life.states.items())),
        *(
            f"  message {_clean(place.message_id)} {_state_line(place, one, numbers=numbers)}"
            for place, one in sorted(life.others.items())
        ),
        *_sent_lines(life),
        *_event_lines(life, numbers=numbers),
        *_gone_lines(life),
        *_raw_lines(life, config),
    ]


def life_fields(life: Life, *, numbers: bool) -> Mapping[str, Any]:
    """Return the same as one JSON object, without what is not known."""
    sent = life.sent
    return _known(
        account=life.account,
        message_id=life.message_id,
        provider=life.provider,
        tenant=life.tenant,
        states=[_state_fields(place, one, numbers=numbers) for place, one in sorted(life.states.items())],
        messages=[
            {
                "message_id": place.message_id,
                **_state_fields(place, one, numbers=numbers),
                **_known(gone_at=_gone_at(life, place.message_id)),
            }
            for place, one in sorted(life.others.items())
        ]
        or None,
        command=None
        if sent is None
        else _known(id=sent.command_id, outcome=sent.outcome, rule=sent.rule, in_reply_to=sent.in_reply_to),
        gone_at=_gone_at(life, life.message_id),
        events=[_event_fields(one, numbers=numbers) for one in life.events],
    )


def _state_line(place: Place, one: Standing, *, numbers: bool) -> str:
    to = f"to {hidden(_clean(place.recipient), shown=numbers)}" if place.recipient else "to nobody who was named"
    since = "" if one.moment == NO_MOMENT else f" since {_time(one.moment)}"
    end = "final" if one.final else "open"
    return f"{to}: {one.status} ({end}){since}{_in_words(one.provider_status, None, one.failure_class)}"


def _sent_lines(life: Life) -> Iterator[str]:
    sent = life.sent
    if sent is None:
        return
    rule = f", rule {_clean(sent.rule)}" if sent.rule else ""
    answer = f", in answer to message {_clean(sent.in_reply_to)}" if sent.in_reply_to else ""
    yield f"  sent by command {sent.command_id}{rule}{answer}"


def _event_lines(life: Life, *, numbers: bool) -> Iterator[str]:
    for one in life.events:
        moment = one.received_ms if one.occurred_ms is None else one.occurred_ms
        to = f" to {hidden(_clean(one.recipient), shown=numbers)}" if one.recipient and len(life.states) > 1 else ""
        other = f" of {_clean(one.message_id)}" if one.message_id != life.message_id else ""
        words = _in_words(one.provider_status, one.code, one.failure_class)
        what = f"{_NAMES.get(one.type, one.type)} {one.status or ''}{other}{to}{words}"
        yield f"  {_time(moment)}  {what}  {_source(one)}"


def _source(one: EventNote) -> str:
    attempt = f", attempt {one.attempt}" if one.attempt is not None else ""
    late = "" if one.occurred_ms is None else f", received {_time(one.received_ms)}"
    if one.ingress is None:
        return f"[our own{late}]"
    return f"[{one.ingress} {one.webhook_id or ''}{attempt}{late}]"


def _gone_lines(life: Life) -> Iterator[str]:
    for message_id, at_ms in sorted(life.gone_ms.items()):
        what = "" if message_id == life.message_id else f" about message {_clean(message_id)}"
        yield f"  {_time(at_ms)}  asked by reconcile{what}, the provider has no such message, or has it no more"


def _gone_at(life: Life, message_id: str) -> str | None:
    at_ms = life.gone_ms.get(message_id)
    return None if at_ms is None else _time(at_ms)


def _raw_lines(life: Life, config: Sequence[str]) -> Iterator[str]:
    if any(one.webhook_id and one.ingress for one in life.events):
        tail = command("tail", "--topic", WEBHOOKS.name, "--no-follow", *config)
        yield f"  a raw webhook: {tail} | grep ID, with the id in brackets"


def _in_words(word: str | None, code: str | None, failure: str | None) -> str:
    said = ", ".join(
        part
        for part in (
            f"provider says {_clean(word)}" if word else "",
            f"code {_clean(code)}" if code else "",
            f"failure {_clean(failure)}" if failure else "",
        )
        if part
    )
    return f", {said}" if said else ""


def _state_fields(place: Place, one: Standing, *, numbers: bool) -> Mapping[str, Any]:
    return _known(
        to=hidden(place.recipient, shown=numbers) or None,
        status=one.status,
        final=one.final,
        occurred_at=None if one.moment == NO_MOMENT else _time(one.moment),
        provider_status=one.provider_status or None,
        failure_class=one.failure_class or None,
        status_event_id=one.event_id,
        status_message_id=one.through or None,
    )


def _event_fields(one: EventNote, *, numbers: bool) -> Mapping[str, Any]:
    return _known(
        id=one.event_id,
        type=one.type,
        message_id=one.message_id,
        to=hidden(one.recipient, shown=numbers) or None,
        status=one.status,
        provider_status=one.provider_status,
        failure_class=one.failure_class,
        code=one.code,
        occurred_at=None if one.occurred_ms is None else _time(one.occurred_ms),
        received_at=_time(one.received_ms),
        attempt=one.attempt,
        ingress=one.ingress,
        webhook_id=one.webhook_id,
        request_id=one.request_id,
    )


def _known(**fields: Any) -> Mapping[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _time(millis: int) -> str:
    return format_time(from_millis(millis))


def _clean(text: str | None) -> str:
    """Return a provider's words so that they cannot steer the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in (text or "")[:200])
