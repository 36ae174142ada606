"""Messages that a customer sends through the cloud: what is refused, what becomes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from providers.api_calls import Call, Handler, json_answer
from providers.fiction import Fiction
from providers.fields import Json
from providers.simulation import ApiAnswer, Outgoing
from providers.telnyx.simulation import checks
from providers.telnyx.simulation.bodies import DELIVERED_TO, PROFILE, Fields, Message, outbound, stamp
from providers.telnyx.simulation.books import Books, Kept
from providers.telnyx.simulation.moments import seconds_of
from providers.telnyx.simulation.numbers import Numbers
from providers.telnyx.simulation.refusals import bare, blocked, error, not_found, unassigned, wrong
from providers.telnyx.simulation.telling import Teller

_SENT_AFTER, _DONE_AFTER = 0.1, 0.5
_LATEST_CANCEL = 60.0


class Kind(StrEnum):
    """What sort of message a path takes."""

    PLAIN = "plain"
    GROUP = "group"
    WHATSAPP = "whatsapp"


@dataclass(frozen=True, slots=True)
class Sending:
    """Takes messages, tells of them, and cancels those that are scheduled.

    Where the profile's webhooks are not wanted and no URL is named, nothing is told. What is scheduled is not told of
    either: it may yet be cancelled. One who wrote STOP blocks a group message as a whole.
    """

    fiction: Fiction
    books: Books
    numbers: Numbers

    def taking(self, rules: Sequence[checks.Rule], kind: Kind = Kind.PLAIN, *, without: Sequence[str] = ()) -> Handler:
        """Return the handler of a path that takes messages under those rules and passes over the fields `without`."""

        def handle(call: Call) -> ApiAnswer:
            value = call.value()
            if not isinstance(value, dict):
                return error(400, "10023")
            given = {name: field for name, field in value.items() if name not in without}
            refusal = checks.refusal_of(rules, given, call.now)
            return refusal or self._take(given, kind, call.now)

        return handle

    def get(self, call: Call, message_id: str) -> ApiAnswer:
        """Answer a message of the last 10 days, to a person or from one."""
        kept = self.books.message(message_id, call.now)
        return not_found() if kept is None else json_answer(200, {"data": kept.payload(call.now)})

    def cancel(self, call: Call, message_id: str) -> ApiAnswer:
        """Answer the cancelling of what is scheduled for later than in a minute, without `data` as in the schema."""
        kept = self.books.message(message_id, call.now)
        if kept is None:
            return bare(404, "10005")
        if kept.send_at is None or kept.send_at - call.now <= _LATEST_CANCEL:
            return bare(403, "10010", "The message is not scheduled, or its time is less than a minute away.")
        cancelled = _with_status(kept, "cancelled", call.now)
        kept.cancel(cancelled, call.now)
        return json_answer(200, cancelled)

    def _take(self, given: Json, kind: Kind, now: float) -> ApiAnswer:
        ours = given.get("from") or self.numbers.pool()
        if ours is None:
            return wrong("40321", "messaging_profile_id")
        to = given["to"]
        people = tuple(to) if isinstance(to, list) else (to,)
        refusal = self._refusal(ours, people, now)
        if refusal is not None:
            return refusal
        message = Message(
            id=self.fiction.uuid(), ours=ours, theirs=people, text=checks.text_of(given), type=_type_of(given, kind)
        )
        return self._made(message, given, kind, now)

    def _refusal(self, ours: str, people: Sequence[str], now: float) -> ApiAnswer | None:
        usable = checks.is_sender_id(ours) or self.numbers.usable(ours)
        if usable is None:
            return wrong("40305", "from", "Not a number of this account.")
        if not usable:
            return unassigned(ours)
        return next((blocked(ours, person) for person in people if self.books.is_blocked(person, now)), None)

    def _made(self, message: Message, given: Json, kind: Kind, now: float) -> ApiAnswer:
        send_at = seconds_of(given.get("send_at"))
        fields = _fields(message, given, kind)
        status = "queued" if send_at is None else "scheduled"
        taken = outbound(message, now, [status] * len(message.theirs), **{**fields, "sent_at": None})
        self.books.note(taken, now)
        told = self._life(message, fields, now if send_at is None else send_at)
        if send_at is not None:
            self.books.schedule(message.id, send_at)
        # The page of group messages shows the sender as a text in the answer.
        shown = {**taken, "from": message.ours} if kind is Kind.GROUP else taken
        follow_ups = told if send_at is None and _is_told(given) else ()
        return json_answer(200, {"data": shown}, follow_ups=follow_ups, effects=[message.id])

    def _life(self, message: Message, fields: Fields, begin: float) -> Sequence[Outgoing]:
        """Return what is told of a message from `begin` on."""
        teller = Teller(self.fiction, lambda: begin, self.books)
        sent = outbound(message, begin, ["sent"] * len(message.theirs), **fields)
        finished = {**fields, "completed_at": stamp(begin + _DONE_AFTER)}
        done = outbound(message, begin, ["delivered"] * len(message.theirs), **finished)
        return [
            teller.tell("message.sent", sent, _SENT_AFTER),
            teller.tell("message.finalized", done, _DONE_AFTER),
        ]


def _type_of(given: Json, kind: Kind) -> str:
    if kind is Kind.WHATSAPP:
        return "WHATSAPP"
    if kind is Kind.GROUP:
        return "MMS"
    return str(given.get("type") or ("MMS" if given.get("media_urls") else "SMS"))


def _fields(message: Message, given: Json, kind: Kind) -> dict[str, Any]:
    """Return what the customer chose of a message, as all its payloads show it."""
    media: Sequence[str] = given.get("media_urls") or ()
    fields: dict[str, Any] = {
        "subject": given.get("subject") or "",
        "media": [{"url": url, "content_type": None, "sha256": None, "size": None} for url in media],
        "encoding": checks.encoding_of(given),
        "parts": checks.parts_of(given),
        "messaging_profile_id": PROFILE,
        "webhook_url": given.get("webhook_url") or DELIVERED_TO,
        "webhook_failover_url": given.get("webhook_failover_url") or "",
        "use_profile_webhooks": given.get("use_profile_webhooks") is not False,
    }
    if given.get("send_at") is not None:
        fields["send_at"] = given["send_at"]
    return {**fields, "group_message_id": message.id} if kind is Kind.GROUP else fields


def _is_told(given: Json) -> bool:
    return given.get("use_profile_webhooks") is not False or bool(given.get("webhook_url"))


def _with_status(kept: Kept, status: str, now: float) -> Fields:
    payload = kept.payload(now)
    return {**payload, "to": [{**one, "status": status} for one in payload["to"]]}
