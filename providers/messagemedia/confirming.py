"""Marks at MessageMedia what is stored here, so that its queues show what is new.

Whether a push confirms is not documented; events that were pushed are confirmed as those that were polled. Source:
README of this folder, section 7.
"""

from collections.abc import Mapping, Sequence

from providers.contract import Account
from providers.messagemedia import access
from providers.messagemedia.api.queues import DELIVERY_REPORTS, PAGE, REPLIES, Queue
from providers.messagemedia.client import MessageMediaClient
from providers.roles import Confirmation
from schemas.events import DeliveryUpdated, Event, InboundMessage

DELIVERY_REPORT = "delivery_report"
REPLY = "reply"

_PROVIDER = "messagemedia"
_QUEUES: Mapping[str, Queue] = {DELIVERY_REPORT: DELIVERY_REPORTS, REPLY: REPLIES}


class MessageMediaConfirmer:
    """Confirms delivery reports and replies of one account."""

    def __init__(self, client: MessageMediaClient) -> None:
        self._client = client

    @property
    def batch_size(self) -> int:
        """How many ids of one kind a call takes."""
        return PAGE

    def confirmation(self, event: Event) -> Confirmation | None:
        """Return what there is to confirm for an event: its report or its reply, if it has the id of one.

        An inbound message's `message_id` is the reply's own. An opt-out notification stands in no queue: its message
        has an event id and no reply id.
        """
        if event.provider != _PROVIDER:
            return None
        if isinstance(event, DeliveryUpdated) and event.provider_event_id:
            return Confirmation(DELIVERY_REPORT, event.provider_event_id)
        if isinstance(event, InboundMessage) and event.message_id:
            return Confirmation(REPLY, event.message_id)
        return None

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Confirm up to 100 of one kind. Raises ApiError."""
        for kind in dict.fromkeys(one.kind for one in confirmations):
            ids = [one.id for one in confirmations if one.kind == kind]
            await _QUEUES[kind].confirm(self._client.calls, list(dict.fromkeys(ids)))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def confirmer(account: Account) -> MessageMediaConfirmer | None:
    """Return the confirmer of an account, None where it wants none or has no credentials to call with.

    Raises AccountError where a credential cannot be one.
    """
    if not access.confirms(account) or not access.has_credentials(account):
        return None
    return MessageMediaConfirmer(access.client(account))
