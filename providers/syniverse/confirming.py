"""Confirming inbound messages: they are marked as PROCESSED at Syniverse, which tells them from new ones.

Delivery events need no confirmation here.
"""

from collections.abc import Sequence

from providers.contract import Account
from providers.rest.errors import ApiError, NotFoundError, RefusedError
from providers.roles import Confirmation, PartlyConfirmedError
from providers.syniverse.access import caller
from providers.syniverse.api.answers import NO_SUCH_RESOURCE
from providers.syniverse.client import SyniverseClient
from providers.syniverse.failures import bare_code
from providers.syniverse.marking import Marker
from schemas.events import Event, InboundMessage

INBOUND = "inbound"
BATCH_SIZE = 20
"""Each message takes two calls, of which some run side by side: a batch ends soon."""

_PROVIDER = "syniverse"


class SyniverseConfirmer:
    """Marks inbound messages of one account. Where Syniverse refuses the operation as such there is nothing to do."""

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

        Raises PartlyConfirmedError for messages that are gone, RefusedError where Syniverse will not have one marked,
        and any other ApiError.
        """
        errors = await self._marker.mark([one.id for one in dict.fromkeys(confirmations)])
        gone = {one: error for one in confirmations if (error := _gone(errors.get(one.id))) is not None}
        others = [error for error in errors.values() if _gone(error) is None]
        if others:
            # What may pass is worth another try of all; a refusal is told when nothing else is left.
            raise min(others, key=lambda error: isinstance(error, RefusedError))
        if gone:
            raise PartlyConfirmedError(gone)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _gone(error: ApiError | None) -> NotFoundError | None:
    """Return a 404 by which Syniverse says in its own words that there is no such message."""
    if isinstance(error, NotFoundError) and bare_code(error.code) in NO_SUCH_RESOURCE:
        return error
    return None


def confirmer(account: Account) -> SyniverseConfirmer | None:
    """Return the confirmer of an account; None where `confirm` is off, or the account has no token to call with.

    Raises AccountError where it cannot call Syniverse.
    """
    if account.settings.get("confirm") is False or account.settings.get("token") is None:
        return None
    return SyniverseConfirmer(caller(account))
