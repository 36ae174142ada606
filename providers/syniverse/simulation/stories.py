"""The simulator's traffic: small stories, together every kind of event that Syniverse sends."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import orjson

from providers.fiction import Fiction
from providers.simulation import Forgery, Outgoing
from providers.syniverse.simulation.attachments import ATTACHMENTS, Attachments
from providers.syniverse.simulation.bodies import (
    SHORT_CODE,
    SHORT_SENDER,
    TOPIC,
    Message,
    Told,
    epoch,
    inbound_fields,
    state_fields,
)
from providers.syniverse.simulation.consent import Consent
from providers.syniverse.simulation.sending import MESSAGES, REQUESTS
from providers.syniverse.simulation.store import Store
from providers.syniverse.simulation.telling import (
    CONTENT_TYPE,
    SUCCESS,
    inbound,
    received,
    request_changed,
    state_changed,
    tell,
)

_QUESTIONS = ("HOURS", "hours", "Are you open on Sunday?", "Do you have size 42?", "Is my order on the way?")
_FREE_TEXTS = ("Thanks!", "See you at noon", "Zażółć gęślą jaźń 🚀", "¿Qué tal?")
_FAILURES = (
    ("FAILED", "1009", "Message delivery failure"),
    ("FAILED", "1005", "No subscriber consent"),
    ("FAILED", "1067", "Too many messages to one number"),
    ("BAD_REQUEST", "1002", "Invalid recipient address or address format"),
    ("EXPIRED", "1007", "Message expired before delivery"),
    ("DELETED", "1009", "Message delivery failure"),
)
_PIXEL = b"GIF89a\x01\x00\x01\x00"

Story = Sequence[Outgoing]


@dataclass(slots=True)
class Teller:
    """Makes the parts of a story; what it tells stands in the store, so that it can be read back and polled."""

    fiction: Fiction
    clock: Callable[[], float]
    store: Store
    files: Attachments
    consent: Consent

    @property
    def random(self) -> Random:
        """Where chance comes from."""
        return self.fiction.random

    def sent(self, state: str, **more: Any) -> Message:
        """Return a message of ours that has come as far as `state`."""
        message = Message(
            id=self.fiction.token(), theirs=self.fiction.number(), request_id=self.fiction.token(), **more
        )
        self._store_request(message)
        self._store_message(
            message, "MT", state, customer_sender_id=message.sender, message_request_id=message.request_id
        )
        return message

    def step(self, message: Message, states: tuple[str, str], after: float = 0.0) -> Outgoing:
        """Return the delivery of a change between two states."""
        return state_changed(self.fiction, self.clock() + after, message, states, SUCCESS, after=after)

    def wrote(self, text: str, **more: Any) -> Message:
        """Return a message of somebody new."""
        message = self.unknown(text, **more)
        self._store_message(message, "MO", "RECEIVED", customer_sender_id=message.sender)
        return message

    def unknown(self, text: str, **more: Any) -> Message:
        """Return a message that Syniverse never got."""
        return Message(id=self.fiction.token(), theirs=self.fiction.number(), text=text, **more)

    def receive(self, message: Message, *, replied: bool = True, copies: int = 1, **fields: Any) -> Outgoing:
        """Return the delivery of a message from a person."""
        told = inbound(self.fiction, self.clock(), message, **fields)
        return received(told, message, expects_reply=replied, copies=copies)

    def attachment(self, name: str, kind: str) -> str:
        """Return the id of a file that somebody sent."""
        fields = {"name": name, "type": kind, "filename": name, "state": "CREATED"}
        made = self.store.create(ATTACHMENTS, fields, self.clock())
        self.files.keep(made["id"], _PIXEL, self.clock())
        return str(made["id"])

    def _store_message(self, message: Message, direction: str, state: str, **more: Any) -> None:
        ours, theirs = message.ours, message.theirs
        fields = {
            **more,
            "direction": direction,
            "from_address": theirs if direction == "MO" else ours,
            "to_address": ours if direction == "MO" else theirs,
            "state": state,
            "body": message.text,
            "attachments": list(message.attachments),
            "type": "MMS" if message.attachments else "SMS",
        }
        self.store.create(MESSAGES, fields, self.clock(), message.id)

    def _store_request(self, message: Message) -> None:
        fields = {"from": f"sender_id:{message.sender}", "to": [message.theirs], "state": "COMPLETED"}
        counts = {"recipient_count": 1, "sent_count": 1, "external_id": message.external_id}
        self.store.create(REQUESTS, {**fields, **counts}, self.clock(), message.request_id)


def traffic(teller: Teller) -> Iterator[Story]:
    """Yield stories without end: rounds in which each kind comes once, shuffled anew."""
    while True:
        for story in teller.random.sample(STORIES, len(STORIES)):
            yield story(teller)


def _delivered(teller: Teller) -> Story:
    message = teller.sent("READ", external_id="order-4711")
    steps = ((("QUEUED", "SENT"), 0.0), (("SENT", "DELIVERED"), 0.3), (("DELIVERED", "READ"), 0.6))
    return [teller.step(message, states, after) for states, after in steps]


def _out_of_order(teller: Teller) -> Story:
    message = teller.sent("DELIVERED")
    return [teller.step(message, ("SENT", "DELIVERED"), 0.1), teller.step(message, ("CREATED", "SENT"), 0.5)]


def _failed(teller: Teller) -> Story:
    told: list[Outgoing] = []
    for state, code, words in _FAILURES:
        message = teller.sent(state)
        told.append(state_changed(teller.fiction, teller.clock(), message, ("SENT", state), (code, words)))
    return told


def _clicked(teller: Teller) -> Story:
    """Tell of two taps on labelled links: one event each, of the same message and state."""
    message = teller.sent("CLICKTHRU", external_id="order-4713", sender=SHORT_SENDER, ours=SHORT_CODE)
    taps = [(f"link{number}", number * 0.2) for number in (1, 2)]
    return [teller.step(message, ("SENT", "DELIVERED")), *(_tap(teller, message, *tap) for tap in taps)]


def _tap(teller: Teller, message: Message, label: str, after: float) -> Outgoing:
    fields = state_fields(message, "DELIVERED", "CLICKTHRU", SUCCESS, tracking_label=label)
    told = Told(id=teller.fiction.token(), type="message_state_change", moment=teller.clock() + after, fields=fields)
    return tell(told, "message CLICKTHRU", message.id, after=after)


def _converted(teller: Teller) -> Story:
    message = teller.sent("CONVERTED")
    return [teller.step(message, ("SENT", "DELIVERED")), teller.step(message, ("CLICKTHRU", "CONVERTED"), 0.3)]


def _prices_as_text(teller: Teller) -> Story:
    message = teller.sent("SENT")
    fields = state_fields(message, "QUEUED", "SENT", SUCCESS, mt_price="0.0095")
    told = Told(id=teller.fiction.token(), type="message_state_change", moment=teller.clock(), fields=fields)
    return [tell(told, "message SENT", message.id)]


def _request(teller: Teller) -> Story:
    message = teller.sent("SENT", external_id="SessionID123456,msg001,20190712")
    named = (message.request_id or "", message.external_id)
    return [request_changed(teller.fiction, teller.clock(), named, ("ACCEPTED", "COMPLETED"))]


def _redelivered(teller: Teller) -> Story:
    """Tell an event again with a higher attempt, although it was acknowledged."""
    message = teller.sent("DELIVERED")
    fields = state_fields(message, "SENT", "DELIVERED", SUCCESS)
    told = Told(id=teller.fiction.token(), type="message_state_change", moment=teller.clock(), fields=fields)
    return [tell(told, "message DELIVERED", message.id, copies=2)]


def _other_spelling(teller: Teller) -> Story:
    message = teller.sent("READ")
    fields = state_fields(message, "DELIVERED", "READ", SUCCESS)
    told = Told(id=teller.fiction.token(), type="message_state_change", moment=teller.clock(), fields=fields)
    return [tell(replace(told, numbered="event_id"), "message READ, event_id", message.id)]


def _not_yet_known_state(teller: Teller) -> Story:
    return [teller.step(teller.sent("TELEPORTED"), ("SENT", "TELEPORTED"))]


def _question(teller: Teller) -> Story:
    return [teller.receive(teller.wrote(teller.random.choice(_QUESTIONS)))]


def _hours_twice(teller: Teller) -> Story:
    """Tell of a message whose event comes twice: one answer is right, two are not."""
    return [teller.receive(teller.wrote("HOURS"), copies=2)]


def _free_text(teller: Teller) -> Story:
    message = teller.wrote(teller.random.choice(_FREE_TEXTS), sender=SHORT_SENDER, ours=SHORT_CODE)
    return [teller.receive(message, carrier_name="Example Carrier", country="USA")]


def _picture(teller: Teller) -> Story:
    files = (teller.attachment("image0.gif", "image/gif"), teller.attachment("slides.smil", "application/smil"))
    return [teller.receive(teller.wrote("", attachments=files))]


def _postback(teller: Teller) -> Story:
    return [teller.receive(teller.wrote('{"postbackData":"YES"}'))]


def _stop(teller: Teller) -> Story:
    """Tell of somebody who wants no more: Syniverse has noted and answered it."""
    message = teller.wrote("STOP")
    teller.consent.opt_out(message.theirs, message.sender, "MESSAGE", teller.clock(), message="STOP")
    return [teller.receive(message, replied=False)]


def _odd_attempt(teller: Teller) -> Story:
    """Tell of a message with the number of the attempt as text."""
    message = teller.wrote("HOURS")
    told = inbound(teller.fiction, teller.clock(), message)

    def body(attempt: int) -> bytes:
        return orjson.dumps({**told.value(attempt), "attempt": str(attempt)})

    return [_bare("mo_message_received, attempt as text", body, message)]


def _flat(teller: Teller) -> Story:
    """Tell of a message by its bare fields, without an envelope, as one integrator noted."""
    message = teller.wrote("Thanks for your message")
    fields = orjson.dumps(inbound_fields(message))
    return [_bare("mo_message_received, flat", lambda _attempt: fields, message)]


def _several(teller: Teller) -> Story:
    """Tell two events in one body."""
    messages = [teller.sent("DELIVERED") for _ in range(2)]
    told = [
        Told(
            id=teller.fiction.token(),
            type="message_state_change",
            moment=teller.clock(),
            fields=state_fields(message, "SENT", "DELIVERED", SUCCESS),
        )
        for message in messages
    ]
    return [
        Outgoing(
            label="two events",
            body=lambda attempt: orjson.dumps([one.value(attempt) for one in told]),
            content_type=CONTENT_TYPE,
        )
    ]


def _other_topics(teller: Teller) -> Story:
    call = {
        "call_id": teller.fiction.token(),
        "previous_state": "STARTED",
        "new_state": "ACTIVE",
        "from_address": teller.fiction.number(),
        "reason_code": "200",
    }
    line = {"number": teller.fiction.number(), "previous_carrier_id": "1025", "tracking_id": "1655272074"}
    return [
        _of_topic(teller, "SCG-Voice-Call", "call_state_change", call),
        _of_topic(teller, "NIS-Events", "deactivation_event", line),
    ]


def _not_yet_known(teller: Teller) -> Story:
    unknown = _of_topic(teller, TOPIC, "message_teleported", {"place": "elsewhere", "at": epoch(teller.clock())})
    empty = orjson.dumps({"topic": TOPIC, "attempt": 1, "event-id": teller.fiction.token()})
    return [unknown, Outgoing(label="no event", body=lambda _attempt: empty, content_type=CONTENT_TYPE)]


def _forged(teller: Teller) -> Story:
    message = teller.unknown("HOURS")
    told = inbound(teller.fiction, teller.clock(), message)
    forgery = teller.random.choice((Forgery.UNSIGNED, Forgery.OTHER_KEY))
    return [received(told, message, forgery=forgery)]


def _of_topic(teller: Teller, topic: str, kind: str, fields: dict[str, Any]) -> Outgoing:
    told = Told(id=teller.fiction.token(), type=kind, moment=teller.clock(), fields=fields, topic=topic)
    return tell(told, kind)


def _bare(label: str, body: Callable[[int], bytes], message: Message) -> Outgoing:
    return Outgoing(label=label, body=body, message_id=message.id, expects_reply=True, content_type=CONTENT_TYPE)


STORIES: tuple[Callable[[Teller], Story], ...] = (
    _delivered,
    _out_of_order,
    _failed,
    _clicked,
    _converted,
    _prices_as_text,
    _request,
    _redelivered,
    _other_spelling,
    _not_yet_known_state,
    _question,
    _hours_twice,
    _free_text,
    _picture,
    _postback,
    _stop,
    _odd_attempt,
    _flat,
    _several,
    _other_topics,
    _not_yet_known,
    _forged,
)
"""Every kind of story. A round tells each once."""
