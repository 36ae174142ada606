"""Marks at Acme what is stored here: `POST /events/confirm`, 50 ids a call."""

from collections.abc import Sequence

import orjson

from providers.contract import Account
from providers.rest.errors import LimitError
from providers.rest.transport import Call, Transport
from providers.roles import Confirmation
from schemas.events import DeliveryUpdated, Event, InboundMessage
from tests.support.fourth.access import transport_of

MOST_IDS = 50


class AcmeConfirmer:
    """Confirms events of one account."""

    def __init__(self, calls: Transport) -> None:
        self._transport = calls

    @property
    def batch_size(self) -> int:
        """How many ids a call takes."""
        return MOST_IDS

    def confirmation(self, event: Event) -> Confirmation | None:
        """Return the event's own id at Acme; a consent came with a message, which is confirmed."""
        if not isinstance(event, DeliveryUpdated | InboundMessage) or not event.provider_event_id:
            return None
        return Confirmation("event", event.provider_event_id)

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Confirm them. Raises ApiError."""
        await confirm_events(self._transport, [each.id for each in confirmations])

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


async def confirm_events(calls: Transport, ids: Sequence[str]) -> None:
    """Confirm events by their ids. Raises LimitError for more than 50, ApiError."""
    if len(ids) > MOST_IDS:
        raise LimitError(f"confirm: {MOST_IDS} ids at most")
    body = orjson.dumps({"ids": list(ids)})
    # To confirm twice has the effect of once.
    await calls.call(Call(name="confirm", method="POST", path="/events/confirm", body=body, repeatable=True))


def confirmer(account: Account) -> AcmeConfirmer | None:
    """Return the confirmer of an account, None where it wants none or has no token."""
    if account.settings.get("confirm") is False or account.settings.get("token") is None:
        return None
    return AcmeConfirmer(transport_of(account))
