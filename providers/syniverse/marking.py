"""Marking inbound messages as PROCESSED, so that Syniverse names them no more. Source: specification, 12.1, 13.

To set a state is in the SDKs' documentation alone (section 3): where Syniverse refuses that as such (404, 405, 501 to
the POST, for a message that it lets us read) before it has taken any, nothing is marked any more. A 404 of another
server's, as of a gateway without that route, has to come back for that: once it may be a hiccup.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeGuard

from providers.rest.errors import ApiError, NotFoundError, RefusedError, UnreadableAnswerError
from providers.syniverse.api.answers import NO_SUCH_RESOURCE, STALE, TOKEN_BUSY, TOKEN_EXPIRED
from providers.syniverse.api.groups import Messages
from providers.syniverse.failures import bare_code

SIDE_BY_SIDE = 8
"""Messages that are marked at the same time; each takes two calls."""

_MARKING = "messages.mark_processed"
_OF_ONE = frozenset({400, 422})
# Other servers answer these too, for whatever they are asked: it takes a code of Syniverse's own.
_OF_ONE_BY_CODE = frozenset({409, 410, 412})
_PASSING = frozenset({STALE, TOKEN_BUSY})
_NO_SUCH_ROUTE_AFTER = 3
"""Batches in a row, some time apart, of which the POST had a 404 of another server's."""

_NO_SUCH_OPERATION = frozenset({404, 405, 501})


class NotOfferedError(RefusedError):
    """Syniverse does not offer to mark messages, so none is marked."""


class Marker:
    """Marks messages of one account. `refusal` is Syniverse's of the operation as such, once it has refused it."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self.refusal: NotOfferedError | None = None
        # What was taken once is offered: a refusal after that is a passing one.
        self._offered = False
        self._strays = 0
        self._strayed = False

    async def mark(self, ids: Sequence[str]) -> Mapping[str, ApiError]:
        """Mark messages and return what went wrong, by their ids: `refusal` for all that it kept from being marked.

        After trouble that is not final the rest is left.
        """
        self._strayed = False
        gate = asyncio.Semaphore(SIDE_BY_SIDE)
        errors: dict[str, ApiError] = {}

        async def one(message_id: str) -> None:
            async with gate:
                if all(is_final(error) for error in errors.values()):
                    error = await self._mark(message_id)
                    if error is not None:
                        errors[message_id] = error

        async with asyncio.TaskGroup() as group:
            for message_id in ids:
                group.create_task(one(message_id))
        self._strays = self._strays + 1 if self._strayed else 0
        return errors

    async def _mark(self, message_id: str) -> ApiError | None:
        """Mark one message and return what went wrong."""
        if self.refusal is not None:
            return self.refusal
        try:
            return await self._ask(message_id)
        except NotFoundError as error:
            return _whose(error)
        except ApiError as error:
            return error

    async def _ask(self, message_id: str) -> NotOfferedError | None:
        """Mark one message and return None, or the refusal of the operation as such. Raises ApiError."""
        try:
            await self._messages.mark_processed(message_id)
        except RefusedError as error:
            stray = _is_stray(error)
            self._strayed = self._strayed or stray
            lasting = stray and self._strays + 1 >= _NO_SUCH_ROUTE_AFTER
            if self._offered or not (lasting or _of_the_operation(error)):
                raise
            if isinstance(error, NotFoundError):
                # One that has gone since it was read is refused in the same way: this raises then.
                await self._messages.get(message_id)
            self.refusal = NotOfferedError(error.status, error.errors, None, f"{_MARKING} is not offered")
            return self.refusal
        self._offered = True
        return None


def is_final(error: ApiError) -> TypeGuard[RefusedError]:
    """Tell whether to ask again for this message would bring the same, while others may be marked all the same."""
    if isinstance(error, NotOfferedError):
        return True
    if isinstance(error, NotFoundError):
        return bare_code(error.code) in NO_SUCH_RESOURCE
    if not isinstance(error, RefusedError):
        return False
    told = error.status in _OF_ONE_BY_CODE and bool(error.code) and bare_code(error.code) not in _PASSING
    return told or error.status in _OF_ONE


def _of_the_operation(error: RefusedError) -> bool:
    """Tell whether it may be the POST that Syniverse does not know; reading a message, which comes first, it does."""
    if error.what != _MARKING or error.status not in _NO_SUCH_OPERATION:
        return False
    return not isinstance(error, NotFoundError) or is_final(error)


def _is_stray(error: RefusedError) -> bool:
    """Tell whether another server answered the POST that it knows no such route."""
    if error.what != _MARKING or not isinstance(error, NotFoundError):
        return False
    return not is_final(error) and bare_code(error.code) != TOKEN_EXPIRED


def _whose(error: NotFoundError) -> ApiError:
    """Return a 404 in Syniverse's words as it is; any other server's says nothing of a message."""
    if bare_code(error.code) != TOKEN_EXPIRED:
        try:
            error.raise_if_foreign(codes=NO_SUCH_RESOURCE)
        except UnreadableAnswerError as foreign:
            return foreign
    return error
