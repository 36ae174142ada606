"""Marking inbound messages as PROCESSED, so that Syniverse names them no more. Source: specification, 12.1, 13.

To set a state is in the SDKs' documentation alone (section 3): where Syniverse refuses it (404, 405, 501) nothing is
marked any more.
"""

import asyncio
from collections.abc import Mapping, Sequence

from providers.rest.errors import ApiError, NotFoundError, RefusedError
from providers.syniverse.api.answers import TOKEN_BUSY
from providers.syniverse.api.groups import Messages

SIDE_BY_SIDE = 8
"""Messages that are marked at the same time; each takes two calls."""

_NOT_OF_ONE = frozenset({401, 402, 403, 425, 429})
_NO_SUCH_OPERATION = frozenset({404, 405, 501})


class Marker:
    """Marks messages of one account. `supported` is False once Syniverse has refused the operation as such."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self.supported = True

    async def mark(self, ids: Sequence[str]) -> Mapping[str, ApiError]:
        """Mark messages and return what went wrong, by their ids.

        After a fault that is not of one message the rest is left.
        """
        gate = asyncio.Semaphore(SIDE_BY_SIDE)
        errors: dict[str, ApiError] = {}

        async def one(message_id: str) -> None:
            async with gate:
                if self.supported and all(of_one_message(error) for error in errors.values()):
                    try:
                        await self._mark(message_id)
                    except ApiError as error:
                        errors[message_id] = error

        async with asyncio.TaskGroup() as group:
            for message_id in ids:
                group.create_task(one(message_id))
        return errors

    async def _mark(self, message_id: str) -> None:
        try:
            await self._messages.mark_processed(message_id)
        except RefusedError as error:
            if error.status not in _NO_SUCH_OPERATION:
                raise
            if isinstance(error, NotFoundError):
                # One that is gone is refused in the same way: this raises then.
                await self._messages.get(message_id)
            self.supported = False


def of_one_message(error: ApiError) -> bool:
    """Tell whether a refusal is about one message, so that to ask again would bring the same."""
    if not isinstance(error, RefusedError):
        return False
    passing = error.status in _NOT_OF_ONE or error.code == TOKEN_BUSY
    return 400 <= error.status < 500 and not passing
