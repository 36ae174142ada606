"""Marks at MessageMedia what is stored here, so that its queues show what is new.

Whether a push confirms is not documented; events that were pushed are confirmed as those that were polled. Source:
README of this folder, section 7.
"""

from collections.abc import Mapping, Sequence

from providers.contract import Account
from providers.fields import Json
from providers.messagemedia import access
from providers.messagemedia.client import MessageMediaClient
from providers.messagemedia.queues import DELIVERY_REPORTS, PAGE, REPLIES, Queue
from providers.rest.answers import json_of
from providers.roles import Confirmation
from schemas.events import DeliveryUpdated, Event, InboundMessage
from schemas.json_text import JsonText

DELIVERY_REPORT = "delivery_report"
REPLY = "reply"

_QUEUES: Mapping[str, Queue] = {DELIVERY_REPORT: DELIVERY_REPORTS, REPLY: REPLIES}
NOTIFICATION_ID = "notification_id"
# The names that templates give it; a setting adds the account's own.
_NOTIFICATION_NAMES = frozenset({NOTIFICATION_ID, "notificationId"})


class MessageMediaConfirmer:
    """Confirms delivery reports and replies of one account."""

    def __init__(self, client: MessageMediaClient, field_names: Mapping[str, str] | None = None) -> None:
        """`field_names` are the account's own names for members of a body, by ours."""
        self._client = client
        self._notification_names = _NOTIFICATION_NAMES | {(field_names or {}).get(NOTIFICATION_ID, NOTIFICATION_ID)}

    @property
    def batch_size(self) -> int:
        """How many ids of one kind a call takes."""
        return PAGE

    def confirmation(self, event: Event) -> Confirmation | None:
        """Return what there is to confirm for an event: its report or its reply, if it has an id of one."""
        if not event.provider_event_id:
            return None
        if isinstance(event, DeliveryUpdated):
            return Confirmation(DELIVERY_REPORT, event.provider_event_id)
        if isinstance(event, InboundMessage) and not self._is_notification(event):
            return Confirmation(REPLY, event.provider_event_id)
        return None

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Confirm up to 100 of one kind. Raises ApiError."""
        for kind in dict.fromkeys(one.kind for one in confirmations):
            ids = [one.id for one in confirmations if one.kind == kind]
            await _QUEUES[kind].confirm(self._client.calls, list(dict.fromkeys(ids)))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _is_notification(self, event: Event) -> bool:
        """Return whether the event's id is that of an opt-out notification, which stands in no queue.

        A body without JSON (a form, a GET) tells nothing: its id is then taken for a reply's.
        """
        members = _members(event.provider_data)
        return any(members.get(name) == event.provider_event_id for name in self._notification_names)


def _members(data: JsonText | None) -> Json:
    value = None if data is None else json_of(data.raw)
    return value if isinstance(value, dict) else {}


def confirmer(account: Account) -> MessageMediaConfirmer | None:
    """Return the confirmer of an account, None where it wants none or has no credentials to call with.

    Raises AccountError where a credential cannot be one.
    """
    if account.settings.get("confirm") is False or not access.has_credentials(account):
        return None
    return MessageMediaConfirmer(access.client(account), account.settings.get("field_names"))
