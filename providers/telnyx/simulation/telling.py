"""Deliveries of events; what they tell of a message stands in the cloud's books too."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from providers.fiction import Fiction
from providers.simulation import Outgoing
from providers.telnyx.simulation.bodies import Fields, Message, envelope, inbound
from providers.telnyx.simulation.books import Books

OURS = "+17735550100"
AGENT = "e4448a5c0670c2a9"
_STOP, _START = "STOP", "START"


@dataclass(frozen=True, slots=True)
class Teller:
    """Makes the parts of a story: fresh ids and numbers, the time, and the deliveries."""

    fiction: Fiction
    clock: Callable[[], float]
    books: Books

    def message(self, text: str | None, kind: str = "SMS", people: int = 1) -> Message:
        """Return a new message between us and new people."""
        theirs = tuple(self.fiction.number() for _ in range(people))
        return Message(id=self.fiction.uuid(), ours=OURS, theirs=theirs, text=text, type=kind)

    def tell(self, event_type: str, payload: Fields, after: float = 0.0, **more: Any) -> Outgoing:
        """Return the delivery of one event in an envelope. Of a forged one the books know nothing."""
        moment = self.clock() + after
        message_id = payload.get("id")
        if payload.get("record_type") == "message" and more.get("forgery") is None:
            self.books.note(payload, moment)
        return Outgoing(
            label=event_type,
            body=envelope(event_type, self.fiction.uuid(), moment, payload),
            after=after,
            message_id=message_id if isinstance(message_id, str) else None,
            **more,
        )

    def receive(self, message: Message, *, replied: bool = False, copies: int = 1, **more: Any) -> Outgoing:
        """Return the delivery of `message.received`."""
        payload = inbound(message, self.clock(), **more)
        return self.tell("message.received", payload, copies=copies, expects_reply=replied)

    def opt(self, message: Message, family: str, after: float = 0.0) -> Outgoing:
        """Return the delivery of a word that Telnyx answers itself; STOP blocks, START takes the block away."""
        moment, (person, *_) = self.clock() + after, message.theirs
        if family == _STOP:
            self.books.opt_out(message.ours, person, (message.text or family).upper(), moment)
        elif family == _START:
            self.books.opt_in(person, moment)
        return self.tell("message.received", inbound(message, moment, autoresponse_type=family), after)
