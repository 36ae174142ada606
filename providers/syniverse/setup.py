"""Preparing Event Manager to push to us: a delivery configuration and a subscription. Source: specification, section 5.

What has no documented call is a step for the operator: the credentials that the configuration presents (the fields for
them are not published), the ticket by which the host is whitelisted, and any change to what is there already.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from providers.contract import Account, Secret
from providers.rest.errors import UnreadableAnswerError
from providers.roles import SetupRequest, SetupStep, StepKind
from providers.syniverse.access import caller
from providers.syniverse.api.event_manager import TOPIC, Delivery, EventManager, Subscription
from providers.syniverse.client import SyniverseClient
from schemas.times import Clock, from_clock

EVENT_TYPES = frozenset({"message_request_state_change", "message_state_change", "mo_message_received"})
"""What a subscription has to have; one without an event type has all."""

_WHITELIST = (
    "Open a ticket at Syniverse that asks to whitelist the host for Event Manager; until then (24 to 48 hours) all "
    "deliveries fail."
)


class SyniverseSetup:
    """Plans what an account still needs at Event Manager. Its configuration is called `hookline-ACCOUNT`."""

    def __init__(self, client: SyniverseClient, account: Account, request: SetupRequest, clock: Clock) -> None:
        self._client = client
        self._manager = EventManager(client.transport)
        self._account = account
        self._url = request.url
        self._clock = clock
        self._name = f"hookline-{account.name}"
        self._created: str | None = None

    async def plan(self) -> Sequence[SetupStep]:
        """Return what is to be done, what is there, and what the operator has to do. Raises ApiError."""
        delivery = _ours(await self._manager.deliveries(), self._name, self._url)
        subscriptions = [] if delivery is None else await self._subscriptions(delivery.id)
        steps = [self._delivery_step(delivery), self._subscription_step(delivery, subscriptions)]
        return [*steps, self._credentials_step(), SetupStep(StepKind.MANUAL, "whitelist", _WHITELIST)]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _delivery_step(self, found: Delivery | None) -> SetupStep:
        what = f"delivery configuration {self._name}"
        if found is None:
            return SetupStep(StepKind.CREATE, what, f"posts JSON to {self._url}", self._create)
        if found.address != self._url:
            advice = f"Its address is {found.address}: change it to {self._url} in the portal, Event Manager."
            return SetupStep(StepKind.MANUAL, what, advice)
        if not found.active:
            return SetupStep(StepKind.MANUAL, what, "It is not active: switch it on in the portal, Event Manager.")
        if not found.is_json:
            return SetupStep(
                StepKind.MANUAL, what, "It posts another format: set it to JSON in the portal, Event Manager."
            )
        return SetupStep(StepKind.KEEP, f"delivery configuration {found.name or found.id}", f"posts to {self._url}")

    def _subscription_step(self, found: Delivery | None, subscriptions: Sequence[Subscription]) -> SetupStep:
        what = f"subscription to {TOPIC}"
        if not subscriptions:
            return SetupStep(StepKind.CREATE, what, "all event types, from now on", lambda: self._subscribe(found))
        types = {one.event_type for one in subscriptions if not one.criteria}
        if None in types or types >= EVENT_TYPES:
            return SetupStep(StepKind.KEEP, what, "all event types that are needed")
        missing = ", ".join(sorted(EVENT_TYPES - types))
        return SetupStep(StepKind.MANUAL, what, f"Missing or limited by criteria: {missing}. Add them in the portal.")

    def _credentials_step(self) -> SetupStep:
        return SetupStep(StepKind.MANUAL, "credentials", _credentials(self._account.settings))

    async def _create(self) -> Sequence[str]:
        self._created = await self._manager.create_delivery(self._name, self._url)
        return [f"created, id {self._created}" if self._created else "created"]

    async def _subscribe(self, found: Delivery | None) -> Sequence[str]:
        ident = found.id if found is not None else self._created or await self._listed()
        if await self._subscriptions(ident):
            return ["there is one meanwhile"]
        await self._manager.subscribe(ident, from_clock(self._clock))
        return ["subscribed"]

    async def _listed(self) -> str:
        found = _ours(await self._manager.deliveries(), self._name, self._url)
        if found is None:
            raise UnreadableAnswerError(f"Event Manager does not list the delivery configuration {self._name}")
        return found.id

    async def _subscriptions(self, delivery_id: str) -> Sequence[Subscription]:
        found = await self._manager.subscriptions()
        ours = [one for one in found if one.delivery_id == delivery_id and one.topic == TOPIC]
        # One that has ended brings nothing any more.
        now = from_clock(self._clock)
        return [one for one in ours if one.ends is None or one.ends > now]


def setup(account: Account, request: SetupRequest) -> SyniverseSetup:
    """Return the setup of an account. Raises AccountError where it cannot call Syniverse."""
    own = caller(account)
    return SyniverseSetup(own, account, request, own.clock)


def _ours(deliveries: Sequence[Delivery], name: str, url: str) -> Delivery | None:
    """Return the configuration that posts to us; else the one of our name, wherever it posts to."""
    by_address = next((one for one in deliveries if one.address == url and one.active), None)
    return by_address or next((one for one in deliveries if one.name == name or one.address == url), None)


def _credentials(settings: Mapping[str, Any]) -> str:
    """Return what the operator has to enter, naming where a secret is and never what it is."""
    if basic := _first(settings.get("basic")):
        if isinstance(basic, Secret):
            return f"Set the configuration's authentication to Basic, with the user and password in {basic.origin}."
        password = basic.get("password")
        origin = f" in {password.origin}" if isinstance(password, Secret) else " of the account's `basic`"
        return f"Set its authentication to Basic, user {basic.get('username')}, with the password{origin}."
    if settings.get("bearer"):
        return "Set its authentication to OAuth 2.0, with the issuer of the account's `bearer` token."
    if settings.get("mtls"):
        return "Give Syniverse's client certificate to the proxy that the account's `mtls` trusts."
    return "Set an authentication, and the account's `basic`, `bearer` or `mtls` to match: nothing else proves events."


def _first(value: object) -> Any:
    return value[0] if isinstance(value, list | tuple) and value else value
