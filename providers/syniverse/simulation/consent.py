"""Consent of addresses towards senders: statuses, opt-outs in bulk, and the history of both."""

from collections.abc import Sequence

from providers.api_calls import Call, Route, json_answer, routes
from providers.fields import Json
from providers.simulation import ApiAnswer
from providers.syniverse.simulation.bodies import epoch
from providers.syniverse.simulation.refusals import error, missing
from providers.syniverse.simulation.resources import Resources
from providers.syniverse.simulation.sending import STATUSES
from providers.syniverse.simulation.store import Store

HISTORY = "/consent/contact_address_history"
_TYPES = ("WEB", "IVR", "APP", "EMAIL", "POS", "SMS", "SINGLE", "MIGRATION")


class Consent:
    """Keeps one status for an address and a sender, and writes down every change."""

    def __init__(self, store: Store, resources: Resources) -> None:
        self._store, self._resources = store, resources

    def routes(self, base: str) -> Sequence[Route]:
        """Return the routes that statuses have beside those of every collection, and those of the history."""
        return (
            *routes(f"{base}{STATUSES}/optout", post=self._opt_out),
            *routes(f"{base}{STATUSES}/([^/]+)", post=self._set),
            *routes(f"{base}{HISTORY}", get=lambda call: self._resources.list(call, HISTORY)),
        )

    def note(self, status: Json, source: str, now: float, *, message: str = "") -> None:
        """Write a change of consent into the history; `message` is the text that made it."""
        entry = {
            "msisdn": status["address"],
            "sender_id": status["sender_id"],
            "source": source,
            "status": status["consent_status"],
            "timestamp": epoch(now),
            "message": message,
            "keyword": message,
        }
        self._store.create(HISTORY, entry, now)

    def opt_out(self, number: str, sender: str, source: str, now: float, *, message: str = "") -> None:
        """Set OPTOUT for a number."""
        changes = {"consent_status": "OPTOUT"}
        same = [one for one in self._store.every(STATUSES) if (one["address"], one["sender_id"]) == (number, sender)]
        for record in same:
            self._store.change(STATUSES, record["id"], changes, now)
        if not same:
            fields = {"address": number, "sender_id": sender, "address_type": "MDN", **changes}
            same = [self._store.create(STATUSES, fields, now)]
        self.note(same[0], source, now, message=message)

    def _set(self, call: Call, status_id: str) -> ApiAnswer:
        answer = self._resources.update(call, STATUSES, status_id)
        status = self._store.find(STATUSES, status_id)
        if answer.status == 204 and status is not None:
            self.note(status, "COMPANY", call.now)
        return answer

    def _opt_out(self, call: Call) -> ApiAnswer:
        given = call.fields()
        sender, addresses = given.get("sender_id"), given.get("addresses")
        if not isinstance(sender, str) or not sender:
            return missing("sender_id")
        if not isinstance(addresses, list) or not addresses:
            return missing("addresses")
        if given.get("consent_status") not in _TYPES:
            return error(400, "4003", "consent_status")
        for number in addresses:
            self.opt_out(str(number), sender, "COMPANY", call.now)
        return json_answer(200, {})
