"""How one message stands now, or all the messages of a request. Source: specification, sections 3.1, 3.2.

Our own sending knows the id of the message request alone, so an id may be either. A message is asked for first; what is
none is asked for as a request, with its messages: a request that was rejected has none.
"""

from collections.abc import Sequence

from providers.contract import Account
from providers.fields import integer
from providers.rest.answers import Answer
from providers.rest.errors import NotFoundError, UnreadableAnswerError
from providers.rest.paths import path_part
from providers.rest.transport import Call, Tempo
from providers.rest.verbatim import items_of
from providers.roles import Polled
from providers.syniverse.access import caller
from providers.syniverse.api.answers import NO_SUCH_RESOURCE, object_of
from providers.syniverse.api.paths import MESSAGE_REQUESTS, MESSAGES
from providers.syniverse.client import SyniverseClient
from providers.syniverse.failures import bare_code

PAGE_SIZE = 100
MOST_PAGES = 100
"""Pages of one request's messages that are read: 10,000 messages. A larger one is left to the poll of `statuses`."""

_TOKEN_EXPIRED = "4046"  # noqa: S105 - a code: it answers 404 and says nothing of the message


class MessageLookup:
    """Reads messages, each as Syniverse wrote it. Owns the client."""

    def __init__(self, client: SyniverseClient) -> None:
        self._client = client

    async def look_up(self, message_id: str) -> Sequence[Polled] | None:
        """Return the message, or the request and its messages; None where Syniverse has neither. Raises ApiError."""
        ident = path_part("message id", message_id)
        found = await self._read(f"{MESSAGES}/{ident}")
        if found is not None:
            return (Polled(MESSAGES, found.body),)
        request = await self._read(f"{MESSAGE_REQUESTS}/{ident}")
        if request is None:
            return None
        return (Polled(MESSAGE_REQUESTS, request.body), *await self._messages(f"{MESSAGE_REQUESTS}/{ident}/messages"))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _messages(self, path: str) -> Sequence[Polled]:
        found: list[Polled] = []
        for _ in range(MOST_PAGES):
            query = (("offset", str(len(found))), ("limit", str(PAGE_SIZE)))
            answer = await self._call(path, query)
            total = integer(object_of(answer, "look_up"), "total")
            items = _items(answer)
            found += (Polled(MESSAGES, item) for item in items)
            if not items or (total is not None and len(found) >= total):
                break
        return found

    async def _read(self, path: str) -> Answer | None:
        try:
            answer = await self._call(path)
        except NotFoundError as error:
            if bare_code(error.code) == _TOKEN_EXPIRED:
                raise
            error.raise_if_foreign(codes=NO_SUCH_RESOURCE)
            return None
        object_of(answer, "look_up")
        return answer

    async def _call(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Answer:
        call = Call(name="look_up", method="GET", path=path, query=query, repeatable=True)
        return await self._client.transport.call(call)


def _items(answer: Answer) -> Sequence[bytes]:
    try:
        return items_of(answer.body, "list")
    except ValueError as error:
        raise UnreadableAnswerError("look_up: the answer has no list") from error


def lookup(account: Account, tempo: Tempo | None = None) -> MessageLookup:
    """Return the lookup of an account. Raises AccountError where it cannot call Syniverse."""
    return MessageLookup(caller(account, tempo))
