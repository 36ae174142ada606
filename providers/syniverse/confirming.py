"""Confirming inbound messages: they are marked as PROCESSED at Syniverse, which tells them from new ones.

Delivery events need no confirmation here.
"""

from collections.abc import Sequence

from providers.contract import Account
from providers.roles import Confirmation, PartlyConfirmedError
from providers.syniverse.access import caller
from providers.syniverse.client import SyniverseClient
from providers.syniverse.marking import Marker, is_final
from schemas.events import Event, InboundMessage

INBOUND = "inbound"
BATCH_SIZE = 20
"""Each message takes two calls, of which some run side by side: a batch ends soon."""

_PROVIDER = "syniverse"


class SyniverseConfirmer:
    """Marks inbound messages of one account. Where Syniverse does not offer to, all are refused without a call."""

    def __init__(self, client: SyniverseClient) -> None:
        self._client = client
        self._marker = Marker(client.messages)

    @property
    def batch_size(self) -> int:
        """How many messages are marked for one call of `confirm`."""
        return BATCH_SIZE

    def confirmation(self, event: Event) -> Confirmation | None:
        """Return the message to mark for an inbound one, None for all else."""
        if event.provider != _PROVIDER or not isinstance(event, InboundMessage) or not event.message_id:
            return None
        return Confirmation(INBOUND, event.message_id)

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Mark the messages; those that are marked already stay so.

        Raises PartlyConfirmedError for those that are gone or that Syniverse will not have marked, which are all where
        it does not offer to, and any other ApiError where to try the batch again may help.
        """
        errors = await self._marker.mark([one.id for one in dict.fromkeys(confirmations)])
        final = {ident: error for ident, error in errors.items() if is_final(error)}
        trouble = next((error for ident, error in errors.items() if ident not in final), None)
        if trouble is not None:
            raise trouble
        if final:
            raise PartlyConfirmedError({one: final[one.id] for one in confirmations if one.id in final})

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def confirmer(account: Account) -> SyniverseConfirmer | None:
    """Return the confirmer of an account; None where `confirm` is off, or the account has no token to call with.

    Raises AccountError where it cannot call Syniverse.
    """
    if account.settings.get("confirm") is False or account.settings.get("token") is None:
        return None
    return SyniverseConfirmer(caller(account))
