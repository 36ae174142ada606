"""Calls to old handlers: bounded connections, a deadline on each call, no redirect followed, no cookie kept."""

import asyncio
import io
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import aiohttp
from yarl import URL

from consumers.mirror.posting import Posting
from providers.rest.answers import pause_of
from schemas.times import Clock

_CONNECT_WAIT = 5.0
_LONGEST_WISH = 300.0
"""Seconds that an old handler may ask us to wait: what stands behind its webhook waits too."""

_ANSWER_BYTES = 64 * 1024
"""What is read of an answer, so that its connection can be used again; nobody wants to know what it says."""

# Fields that the client would add where the webhook has none.
_NOT_OURS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


@dataclass(frozen=True, slots=True)
class Answer:
    """The status, and the seconds that it asks to wait."""

    status: int
    wish: float | None = None


class UnreachableError(Exception):
    """No answer came: no connection, a broken one, or none in time. Whether the webhook arrived is not known.

    `met` says that somebody may have been there, and did not answer this webhook.
    """

    def __init__(self, what: str, *, met: bool) -> None:
        self.met = met
        super().__init__(what)


class UnsendableError(Exception):
    """The request cannot be sent at all, to nobody and at no time."""


class OldHandlers:
    """One session for all targets, opened by the first call."""

    def __init__(self, connections: int, clock: Clock = time.time) -> None:
        self._connections = connections
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def post(self, posting: Posting, timeout: float) -> Answer:
        """Return the answer. Raises UnreachableError, UnsendableError."""
        try:
            call = self._open().request(
                posting.method,
                URL(posting.url, encoded=True),
                # A large body as plain bytes would hold the loop, and the client warns of it.
                data=io.BytesIO(posting.body) if posting.body else None,
                headers=posting.headers,
                skip_auto_headers=_NOT_OURS,
                allow_redirects=False,
                timeout=_connect_timeout(timeout),
            )
            return await self._answer(call, timeout)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UnreachableError(type(error).__name__, met=False) from error
        except TimeoutError as error:
            raise UnreachableError("timeout", met=True) from error
        except aiohttp.InvalidURL as error:
            raise UnsendableError(type(error).__name__) from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnreachableError(type(error).__name__, met=True) from error
        except ValueError as error:
            raise UnsendableError(type(error).__name__) from error

    async def _answer(self, call: AbstractAsyncContextManager[aiohttp.ClientResponse], timeout: float) -> Answer:
        found: Answer | None = None
        try:
            async with asyncio.timeout(timeout), call as answer:
                headers = {name.lower(): value for name, value in answer.headers.items()}
                found = Answer(answer.status, pause_of(answer.status, headers, self._clock(), _LONGEST_WISH))
                await answer.content.read(_ANSWER_BYTES)
                return found
        except (aiohttp.ClientError, OSError):
            # The status says it all: that the body breaks off, or does not come in time, takes nothing back.
            if found is None:
                raise
            return found

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session


def _connect_timeout(timeout: float) -> aiohttp.ClientTimeout:
    # Well before the call's own time is over: else nobody could tell no connection from no answer.
    seconds = min(_CONNECT_WAIT, timeout / 2)
    return aiohttp.ClientTimeout(total=None, connect=seconds, sock_connect=seconds)
