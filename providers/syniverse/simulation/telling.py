"""Deliveries of events."""

from typing import Any

from providers.fiction import Fiction
from providers.simulation import Outgoing
from providers.syniverse.simulation.bodies import Message, Told, inbound_fields, request_fields, state_fields

SUCCESS = ("200", "SUCCESS")
CONTENT_TYPE = "application/json; charset=UTF-8"


def tell(told: Told, label: str, message_id: str | None = None, **more: Any) -> Outgoing:
    """Return the delivery of one event."""
    return Outgoing(label=label, body=told.body, message_id=message_id, content_type=CONTENT_TYPE, **more)


def state_changed(
    fiction: Fiction, moment: float, message: Message, states: tuple[str, str], reason: tuple[str, str], **more: Any
) -> Outgoing:
    """Return the delivery of a `message_state_change` from the first to the second of the states."""
    fields = state_fields(message, *states, reason)
    told = Told(id=fiction.token(), type="message_state_change", moment=moment, fields=fields)
    return tell(told, f"message {states[1]}", message.id, **more)


def request_changed(
    fiction: Fiction, moment: float, named: tuple[str, str], states: tuple[str, str], **more: Any
) -> Outgoing:
    """Return the delivery of a `message_request_state_change`; `named` are the request's id and the sender's own."""
    fields = request_fields(named, states)
    told = Told(id=fiction.token(), type="message_request_state_change", moment=moment, fields=fields)
    return tell(told, f"request {states[1]}", **more)


def received(told: Told, message: Message, **more: Any) -> Outgoing:
    """Return the delivery of a `mo_message_received`."""
    return tell(told, "mo_message_received", message.id, **more)


def inbound(fiction: Fiction, moment: float, message: Message, **fields: Any) -> Told:
    """Return the event of a message from a person."""
    return Told(id=fiction.token(), type="mo_message_received", moment=moment, fields=inbound_fields(message, **fields))
