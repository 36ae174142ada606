"""Messages that a customer sends through the cloud: what is refused, who gets them, what becomes of them."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from providers.api_calls import Call, json_answer, no_content
from providers.fiction import Fiction
from providers.fields import Json, items
from providers.simulation import ApiAnswer, Outgoing
from providers.syniverse.simulation.bodies import Message, epoch
from providers.syniverse.simulation.refusals import error, missing, not_found
from providers.syniverse.simulation.resources import Resources
from providers.syniverse.simulation.store import Record, Store
from providers.syniverse.simulation.telling import SUCCESS, request_changed, state_changed

MESSAGES = "/messaging/messages"
REQUESTS = "/messaging/message_requests"
SENDERS = "/messaging/sender_ids"
STATUSES = "/consent/contact_address_statuses"
_LONGEST_EXTERNAL_ID = 1500
_MOST_IN_GROUP = 10
_NUMBER = re.compile(r"\+?[0-9]{7,15}", re.ASCII)
_CONTENT = ("body", "attachments", "media_urls")
_OPTED_OUT = frozenset({"OPTOUT", "BLACKLIST"})
_COMPLETED_AFTER = 0.5
Reason = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Step:
    """A change of state, `after` seconds from the call."""

    previous: str
    state: str
    after: float


_ARRIVES = (_Step("CREATED", "SENT", 0.1), _Step("SENT", "DELIVERED", 0.4))
_FAILS = (_Step("CREATED", "FAILED", 0.1),)


@dataclass(slots=True)
class Sending:
    """Takes message requests and messages. What it sends is told by events, and stands in the store.

    `confirmed` counts inbound messages that were marked as processed, `strays` marks for what is not there.
    """

    store: Store
    fiction: Fiction
    resources: Resources
    confirmed: int = field(default=0, init=False)
    strays: int = field(default=0, init=False)

    def request(self, call: Call) -> ApiAnswer:
        """Answer `POST /messaging/message_requests`."""
        given = call.fields()
        refusal = self._refusal(given, many=True)
        if refusal is not None:
            return refusal
        state = "PAUSED" if given.get("pause_before_transmit") is True else "ACCEPTED"
        made = self.store.create(REQUESTS, {**given, "state": state, "recipient_count": 0}, call.now)
        follow_ups = () if state == "PAUSED" else self._transmit(made, call.now)
        return json_answer(200, {"id": made["id"]}, follow_ups=follow_ups, effects=[made["id"]])

    def message(self, call: Call) -> ApiAnswer:
        """Answer `POST /messaging/messages`, the form for one recipient."""
        given = call.fields()
        refusal = self._refusal(given, many=False)
        if refusal is not None:
            return refusal
        sent, follow_ups = self._send(given, given["to"], None, call.now)
        return json_answer(200, {"id": sent.id}, follow_ups=follow_ups, effects=[sent.id])

    def change_request(self, call: Call, request_id: str) -> ApiAnswer:
        """Answer a new state of a request: TRANSMITTING resumes, CANCELED ends."""
        refusal = self.resources.refusal(call, REQUESTS, request_id)
        if refusal is not None:
            return refusal
        record, state = self.store.find(REQUESTS, request_id) or {}, call.fields().get("state")
        if state not in ("TRANSMITTING", "CANCELED"):
            return error(400, "4003", "state")
        if record["state"] not in ("PAUSED", "ACCEPTED", "SCHEDULED"):
            return error(403, "4030")
        self.store.change(REQUESTS, request_id, {"state": state}, call.now)
        follow_ups = self._transmit(record, call.now) if state == "TRANSMITTING" else ()
        return ApiAnswer(status=204, body=b"", follow_ups=tuple(follow_ups))

    def change_message(self, call: Call, message_id: str) -> ApiAnswer:
        """Answer a new state of a message: PROCESSED for one from a person, CONVERTED for one to a person."""
        refusal = self.resources.refusal(call, MESSAGES, message_id)
        if refusal is not None:
            self.strays += refusal.status == 404
            return refusal
        record, state = self.store.find(MESSAGES, message_id) or {}, call.fields().get("state")
        if state != ("PROCESSED" if record["direction"] == "MO" else "CONVERTED"):
            return error(400, "4003", "state")
        self.confirmed += state == "PROCESSED" and record["state"] != state
        self.store.change(MESSAGES, message_id, {"state": state}, call.now)
        return no_content()

    def cancel(self, call: Call, collection: str, record_id: str) -> ApiAnswer:
        """Answer the deletion of what is scheduled."""
        record = self.store.find(collection, record_id)
        if record is None:
            return not_found()
        if record["state"] != "SCHEDULED":
            return error(403, "4030")
        self.store.change(collection, record_id, {"state": "CANCELED"}, call.now)
        return no_content()

    def _refusal(self, given: Json, *, many: bool) -> ApiAnswer | None:
        for applies, answer in _REFUSALS:
            if applies(given, many):
                return answer()
        return None if self._sender(given["from"]) else error(400, "40018")

    def _sender(self, name: str) -> Record | None:
        """Return the sender id that `from` names: itself, or any of a channel."""
        kind, _, rest = name.rpartition(":")
        if kind == "channel" or self.store.find("/messaging/channels", rest):
            return next(iter(self.store.every(SENDERS)), None)
        return self.store.find(SENDERS, rest) if kind in {"", "sender_id"} else None

    def _transmit(self, request: Record, now: float) -> Sequence[Outgoing]:
        """Send to all whom a request names, and complete it."""
        people = [number for address in request["to"] for number in self._people(address)]
        if _is_future(request, now):
            request.update(state="SCHEDULED", recipient_count=len(people))
            return ()
        told = [self._send(request, number, request["id"], now) for number in people]
        failed = sum(self._blocked(request, number) is not None for number in people)
        done = {"state": "COMPLETED", "sent_count": len(people) - failed, "failed_count": failed}
        request["recipient_count"] = len(people)
        self.store.change_later(now + _COMPLETED_AFTER, REQUESTS, request["id"], done)
        named = (request["id"], request.get("external_id") or "")
        last = request_changed(
            self.fiction, now + _COMPLETED_AFTER, named, ("ACCEPTED", "COMPLETED"), after=_COMPLETED_AFTER
        )
        return [*(outgoing for _, follow_ups in told for outgoing in follow_ups), last]

    def _send(self, given: Json, to: str, request_id: str | None, now: float) -> tuple[Message, Sequence[Outgoing]]:
        sender = self._sender(given["from"]) or {}
        number = next(self._people(to), to)
        record = self.store.create(MESSAGES, _record(given, sender, number, request_id), now)
        message = Message(
            id=record["id"],
            theirs=number,
            request_id=request_id,
            external_id=record["external_message_request_id"],
            sender=sender["id"],
            ours=sender["address"],
        )
        if request_id is None and _is_future(given, now):
            record["state"] = "SCHEDULED"
            return message, ()
        reason = self._blocked(given, number)
        steps = _ARRIVES if reason is None else _FAILS
        return message, [self._step(message, step, now, reason or SUCCESS) for step in steps]

    def _step(self, message: Message, step: _Step, now: float, reason: Reason) -> Outgoing:
        at = now + step.after
        changes: dict[str, Any] = {"state": step.state}
        if step.state == "FAILED":
            changes |= {"failure_code": reason[0], "failure_details": reason[1]}
        else:
            changes[f"{step.state.lower()}_date"] = epoch(at)
        self.store.change_later(at, MESSAGES, message.id, changes)
        return state_changed(self.fiction, at, message, (step.previous, step.state), reason, after=step.after)

    def _blocked(self, given: Json, number: str) -> Reason | None:
        """Return why a message does not arrive, None where it does."""
        if not _NUMBER.fullmatch(number):
            return ("1002", "Invalid recipient address or address format")
        sender = (self._sender(given["from"]) or {}).get("id")
        for status in self.store.every(STATUSES):
            if (status.get("address"), status.get("sender_id")) == (number, sender):
                return ("1005", "No subscriber consent") if status.get("consent_status") in _OPTED_OUT else None
        return None

    def _people(self, address: str) -> Iterator[str]:
        """Yield the addresses behind one: the number of a contact, those of a group's members."""
        kind, _, rest = address.partition(":")
        if kind == "group":
            for member in (self.store.find("/contact_groups", rest) or {}).get("members", ()):
                yield from self._people(f"contact:{member}")
        elif kind == "contact":
            contact = self.store.find("/contacts", rest)
            yield str((contact or {}).get("primary_mdn") or address)
        else:
            yield address


def _record(given: Json, sender: Json, number: str, request_id: str | None) -> Json:
    return {
        "message_request_id": request_id,
        "external_message_request_id": given.get("external_id") or "",
        "direction": "MT",
        "customer_sender_id": sender["id"],
        "sender_id_alias": sender["id"],
        "from_address": sender["address"],
        "to_address": number,
        "state": "CREATED",
        "body": given.get("body"),
        "attachments": [str(one) for one in items(given, "attachments")],
        "type": "MMS" if given.get("attachments") or given.get("media_urls") else "SMS",
        "price": 0.035,
    }


def _is_future(given: Json, now: float) -> bool:
    wanted = given.get("scheduled_delivery_time")
    return wanted is not None and (not isinstance(wanted, int) or wanted > epoch(now))


def _no_text(name: str) -> Callable[[Json, bool], bool]:
    return lambda given, _many: not isinstance(given.get(name), str) or not given[name]


def _no_recipient(given: Json, many: bool) -> bool:
    to = given.get("to")
    if isinstance(to, list) != many:
        return True
    texts = to if isinstance(to, list) else [to]
    return not texts or not all(isinstance(one, str) and one for one in texts)


def _long(given: Json, _many: bool) -> bool:
    return len(str(given.get("external_id") or "")) > _LONGEST_EXTERNAL_ID


_REFUSALS: Sequence[tuple[Callable[[Json, bool], bool], Callable[[], ApiAnswer]]] = (
    (_no_text("from"), lambda: missing("from")),
    (_no_recipient, lambda: missing("to")),
    (lambda given, _many: not any(given.get(name) for name in _CONTENT), lambda: missing("body")),
    (lambda given, _many: bool(given.get("attachments") and given.get("media_urls")), lambda: error(400, "40010")),
    (
        lambda given, many: many and given.get("group_mms") is True and len(given["to"]) > _MOST_IN_GROUP,
        lambda: error(400, "40015"),
    ),
    (_long, lambda: error(400, "4006", "external_id")),
)
