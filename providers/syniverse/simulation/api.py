"""Syniverse's API: the table of all its paths, behind one token."""

from collections.abc import Sequence

from providers.api_calls import Call, Route, json_answer, routed, routes
from providers.simulation import ApiAnswer
from providers.syniverse.simulation.access import Access
from providers.syniverse.simulation.attachments import ATTACHMENTS, TOKENS, Attachments
from providers.syniverse.simulation.consent import Consent
from providers.syniverse.simulation.eventmanager import EventManager
from providers.syniverse.simulation.members import Members
from providers.syniverse.simulation.refusals import error, missing, not_found, wrong_method
from providers.syniverse.simulation.resources import Resource
from providers.syniverse.simulation.sending import MESSAGES, REQUESTS, SENDERS, STATUSES, Sending
from providers.syniverse.simulation.store import Store

BASE = "/scg-external-api/api/v1"
REFRESH = ("/saop-rest-data/v1/apptoken-refresh", "/saop-rest-data/apptoken-refresh")
CONTACTS = "/contacts"
GROUPS = "/contact_groups"
CHANNELS = "/messaging/channels"
_RESOURCES = (
    Resource(path=CONTACTS, replaces=True),
    Resource(
        path=GROUPS,
        needs=("name",),
        replaces=True,
        begins={"type": "STATIC", "state": "Ready", "member_count": 0},
        aliases={"status": "state"},
    ),
    Resource(path="/messaging/message_templates", needs=("name",), replaces=True),
    Resource(path="/messaging/keywords", needs=("name", "value"), replaces=True),
    Resource(path=SENDERS, needs=("class_id", "type_id"), begins={"state": "PENDING_IMPLEMENTATION"}),
    Resource(path="/messaging/sender_id_classes", updates=False),
    Resource(path="/messaging/sender_id_types", updates=False),
    Resource(path=CHANNELS, needs=("name",), replaces=True, begins={"ownership": "PRIVATE"}),
    Resource(path=ATTACHMENTS, needs=("name", "type", "filename"), begins={"state": "CREATED"}),
    Resource(path=TOKENS, updates=False),
    Resource(path=STATUSES, needs=("address", "sender_id"), begins={"consent_status": "NONE", "address_type": "MDN"}),
    Resource(path=REQUESTS, updates=False),
    Resource(path=MESSAGES, updates=False),
)
"""All collections. What has rules of its own has its routes before these."""


class Api:
    """Answers every call; all but the refresh of the token need it."""

    def __init__(self, store: Store, access: Access, sending: Sending, consent: Consent, files: Attachments) -> None:
        self._store, self._access, self._resources = store, access, sending.resources
        self._table: Sequence[Route] = (
            *self._senders(),
            *_sending_routes(sending),
            *files.routes(BASE),
            *consent.routes(BASE),
            *Members(store, self._resources, GROUPS, CONTACTS, "contacts").routes(BASE),
            *Members(store, self._resources, CHANNELS, SENDERS, "sender_ids").routes(BASE),
            *EventManager().routes(),
            *(route for resource in _RESOURCES for route in self._resources.routes(BASE, resource)),
        )

    def answer(self, call: Call) -> ApiAnswer:
        """Answer a call, after all that was due before it."""
        self._store.advance(call.now)
        if call.path in REFRESH:
            return self._access.refresh(call) if call.method == "GET" else wrong_method()
        if not self._access.admits(call):
            return error(401, "401")
        return routed(self._table, call, unknown=not_found, wrong_method=wrong_method)

    def _senders(self) -> Sequence[Route]:
        return (
            *routes(f"{BASE}{SENDERS}/purchase", post=self._purchase),
            *routes(f"{BASE}{SENDERS}/list", get=lambda call: self._resources.list(call, SENDERS)),
            *routes(f"{BASE}{SENDERS}", delete=self._delete_senders),
        )

    def _purchase(self, call: Call) -> ApiAnswer:
        parent = call.fields().get("parent_id")
        if not parent:
            return missing("parent_id")
        fields = {"parent_id": parent, "state": "PENDING_IMPLEMENTATION", "ownership": "PURCHASED"}
        return json_answer(200, {"id": self._store.create(SENDERS, fields, call.now)["id"]})

    def _delete_senders(self, call: Call) -> ApiAnswer:
        """Delete by filters; without any nothing is deleted."""
        if not call.query:
            return missing("filter")
        found = [
            one["id"]
            for one in self._store.every(SENDERS)
            if all(str(one.get(name)) in value.split(",") for name, value in call.query.items())
        ]
        for sender_id in found:
            self._store.delete(SENDERS, sender_id)
        return json_answer(200, {"del_qty": len(found)})


def _sending_routes(sending: Sending) -> Sequence[Route]:
    resources, store = sending.resources, sending.store

    def messages_of(call: Call, request_id: str) -> ApiAnswer:
        return resources.list(call, MESSAGES, message_request_id=request_id)

    def attachments_of(call: Call, message_id: str) -> ApiAnswer:
        message = store.find(MESSAGES, message_id)
        if message is None:
            return not_found()
        return resources.list(call, ATTACHMENTS, id=",".join(message.get("attachments") or ()) or "-")

    return (
        *routes(f"{BASE}{REQUESTS}", post=sending.request),
        *routes(f"{BASE}{REQUESTS}/([^/]+)", post=sending.change_request),
        *routes(f"{BASE}{REQUESTS}/([^/]+)/messages", get=messages_of),
        *routes(f"{BASE}{REQUESTS}/scheduled/([^/]+)", delete=lambda call, one: sending.cancel(call, REQUESTS, one)),
        *routes(f"{BASE}{MESSAGES}", post=sending.message),
        *routes(f"{BASE}{MESSAGES}/([^/]+)", post=sending.change_message),
        *routes(f"{BASE}{MESSAGES}/([^/]+)/attachments", get=attachments_of),
        *routes(f"{BASE}{MESSAGES}/scheduled/([^/]+)", delete=lambda call, one: sending.cancel(call, MESSAGES, one)),
    )
