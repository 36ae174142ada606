"""A client that is made when first asked, kept for the next question, and replaced when it fails."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from aiokafka.errors import KafkaConnectionError

from broker.kafka.connection import Connection
from broker.kafka.errors import UNWELL, plainly
from broker.kafka.reach import why_not
from broker.log import LogUnavailableError

START_SECONDS = 5.0
RETRY_SECONDS = 0.1

Client = TypeVar("Client")
Answer = TypeVar("Answer")


class Kept(Generic[Client]):
    """Owns one client at a time; several questions may use it at once."""

    def __init__(
        self,
        connection: Connection,
        make: Callable[[Connection], Client],
        end: Callable[[Any, float], Awaitable[None]],
    ) -> None:
        """Take how to make the client and how to end it."""
        self._connection = connection
        self._make = make
        self._end = end
        self._client: Client | None = None
        self._lock = asyncio.Lock()
        self._stopped = False

    async def ask(self, doing: str, question: Callable[[Client], Awaitable[Answer]], wait: float) -> Answer:
        """Return the answer. A cluster that says 'not yet' (a coordinator that loads) is asked again within `wait` s.

        Raises LogUnavailableError.
        """
        with plainly(doing):
            async with asyncio.timeout(wait):
                while True:
                    client = await self._started()
                    try:
                        return await question(client)
                    except UNWELL as error:
                        await self._drop(client)
                        if not getattr(error, "retriable", False):
                            raise
                        await asyncio.sleep(RETRY_SECONDS)

    async def stop(self) -> None:
        """Close the client; no question is answered after this."""
        self._stopped = True
        if self._client is not None:
            await self._drop(self._client)

    async def _started(self) -> Client:
        async with self._lock:
            if self._stopped:
                raise LogUnavailableError("the log was stopped")
            if self._client is None:
                self._client = await self._new()
            return self._client

    async def _new(self) -> Client:
        client: Any = self._make(self._connection)
        try:
            async with asyncio.timeout(START_SECONDS):
                await client.start()
        except BaseException as error:
            await asyncio.shield(self._end(client, 0.5))
            if isinstance(error, KafkaConnectionError) and (reason := await why_not(self._connection)):
                raise KafkaConnectionError(reason) from error
            raise
        made: Client = client
        return made

    async def _drop(self, client: Client) -> None:
        if self._client is client:
            self._client = None
            await self._end(client, 0.5)
