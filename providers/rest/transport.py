"""One call to a provider: its deadline, its retries, its errors.

Retries. A call is made again where nothing can have been done by it: no connection came about, or the provider
answered 425 or 429, or 503 with `Retry-After`. One that is `repeatable` (a read, or one with an idempotency key) is
made again also where its outcome is not known, and after 408 and any 5xx. Nothing else is: a text sent twice cannot
be unsent. A provider's codes that no waiting mends (`final_codes`) end the tries.
Redirects are never followed: they would carry the credentials to whoever they name.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Protocol
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from providers.rest.answers import Answer, pause_of
from providers.rest.errors import (
    DeadlineError,
    NotConnectedError,
    OutcomeUnknownError,
    RefusedError,
    UnreadableAnswerError,
    refused,
)
from schemas.events import ProviderError
from schemas.times import Clock

DEFAULT_TIMEOUT = 15.0
"""Seconds that one call may take, its answer included."""

DEFAULT_RETRIES = 2
_CONNECT_TIMEOUT = 5.0
_LONGEST_PAUSE = 30.0
ANSWER_LIMIT = 64 * 1024 * 1024
"""Bytes that are read of an answer; what is longer is cut and then no JSON."""

# Nothing has left this machine yet when one of these is raised.
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
# Too early (RFC 8470) and too many (RFC 6585): the request was not begun.
_NOT_BEGUN = frozenset({425, 429})
_REQUEST_TIMEOUT = 408
_random = SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. `path` begins with a slash and is percent-encoded; `name` is the operation, for errors.

    `repeatable` says that to make it twice has the effect of once. `base_url` replaces the transport's own.
    """

    name: str
    method: str
    path: str
    query: Sequence[tuple[str, str]] = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    repeatable: bool = False
    base_url: str | None = None

    @property
    def target(self) -> str:
        """The path with its query, as it goes out."""
        # A lone surrogate has no bytes; it must not cost the call.
        return f"{self.path}?{urlencode(self.query, errors='replace', quote_via=quote)}" if self.query else self.path


class Credentials(Protocol):
    """Proves to the provider who calls."""

    async def headers(self, call: Call, target: str) -> Mapping[str, str]:
        """Return the headers that prove it. `target` is the path and query of the whole URL. Raises ApiError."""
        ...

    async def renew(self, refusal: RefusedError, sent: Mapping[str, str]) -> bool:
        """Get new credentials after a refusal of those in `sent`; tell whether the call is worth another try."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempo:
    """How patient calls are: seconds for one try, tries after the first, seconds before the first of those.

    `sleep` waits between tries; a test may give one that does not.
    """

    timeout: float = DEFAULT_TIMEOUT
    retries: int = DEFAULT_RETRIES
    first_pause: float = 0.5
    clock: Clock = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Transport:
    """Makes calls under one base URL. Connections open with the first call; close it in the end."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        errors_of: Callable[[bytes], tuple[ProviderError, ...]],
        tempo: "Tempo | None" = None,
        final_codes: Collection[str] = (),
    ) -> None:
        """`errors_of` reads the errors out of an answer's body; `final_codes` are those that no waiting mends."""
        self.base_url = base_url.rstrip("/")
        self._credentials = credentials
        self._errors_of = errors_of
        self._tempo = tempo or Tempo()
        self._final_codes = frozenset(final_codes)
        self._session: aiohttp.ClientSession | None = None

    async def call(self, call: Call) -> Answer:
        """Return the answer of a success (2xx). Raises ApiError, after the retries that do no harm."""
        tries = 0
        renewed = False
        while True:
            sent: dict[str, str] = {}
            try:
                return self._checked(call, await self.exchange(call, sent))
            except (NotConnectedError, OutcomeUnknownError, RefusedError) as error:
                if not renewed and isinstance(error, RefusedError) and await self._credentials.renew(error, sent):
                    renewed = True
                    continue
                tries += 1
                pause = self._pause(call, error, tries)
                if pause is None:
                    raise
            await self._tempo.sleep(pause)

    async def exchange(self, call: Call, sent: dict[str, str] | None = None) -> Answer:
        """Make the call once and return its answer, whatever its status; `sent` takes the headers that prove us.

        Raises NotConnectedError, OutcomeUnknownError, and what the credentials raise.
        """
        url = URL((call.base_url or self.base_url) + call.target, encoded=True)
        proof = await self._credentials.headers(call, url.raw_path_qs)
        if sent is not None:
            sent.update(proof)
        headers = {"Accept": "application/json", "User-Agent": "hookline", **_typed(call), **call.headers, **proof}
        try:
            async with (
                asyncio.timeout(self._tempo.timeout),
                self._open().request(
                    call.method, url, data=call.body, headers=headers, allow_redirects=False
                ) as response,
            ):
                found = {name.lower(): value for name, value in response.headers.items()}
                body, whole = await _read(response)
                return Answer(response.status, found, body, whole)
        except _NOT_SENT as error:
            raise NotConnectedError(f"{call.name}: no connection") from error
        except TimeoutError as error:
            raise DeadlineError(f"{call.name}: no answer within {self._tempo.timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            reason = type(error.__cause__ if isinstance(error, _BrokenError) else error).__name__
            raise OutcomeUnknownError(f"{call.name}: the connection broke ({reason})") from error

    async def rest(self, tries: int) -> None:
        """Wait a little before a piece of work that several may be at is begun again, longer after each try."""
        await self._tempo.sleep(_random.uniform(0.0, self._tempo.first_pause * 0.2 * 2.0 ** min(tries, 5)))

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _checked(self, call: Call, answer: Answer) -> Answer:
        if 200 <= answer.status < 300:
            if answer.whole:
                return answer
            if len(answer.body) > ANSWER_LIMIT:
                raise UnreadableAnswerError(f"{call.name}: the answer is too large, over {ANSWER_LIMIT} bytes")
            raise OutcomeUnknownError(f"{call.name}: the answer broke off")
        wait = pause_of(answer.status, answer.headers, self._tempo.clock())
        raise refused(answer.status, self._errors_of(answer.body), wait, call.name)

    def _pause(self, call: Call, error: Exception, tries: int) -> float | None:
        """Return after how many seconds the call is made again, None where it is not."""
        if tries > self._tempo.retries or self._is_final(error) or not _may_repeat(call, error):
            return None
        wish = error.retry_after if isinstance(error, RefusedError) else None
        if wish is not None:
            return wish if wish <= _LONGEST_PAUSE else None
        growing: float = self._tempo.first_pause * 2.0 ** (tries - 1)
        return min(growing, _LONGEST_PAUSE) * _random.uniform(0.5, 1.0)

    def _is_final(self, error: Exception) -> bool:
        return isinstance(error, RefusedError) and any(one.code in self._final_codes for one in error.errors)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_TIMEOUT, sock_connect=_CONNECT_TIMEOUT),
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=(_made_once,),
            )
        return self._session


class _BrokenError(aiohttp.ClientError):
    """A connection that broke after the request, in a class that aiohttp does not know."""


async def _made_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from making a GET, PUT or DELETE again by itself: whether that is safe is not its to say."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _BrokenError(type(error).__name__) from error


def _may_repeat(call: Call, error: Exception) -> bool:
    if isinstance(error, NotConnectedError):
        return True
    if isinstance(error, RefusedError):
        not_begun = error.status in _NOT_BEGUN or (error.status == 503 and error.retry_after is not None)
        return not_begun or (call.repeatable and (error.status >= 500 or error.status == _REQUEST_TIMEOUT))
    return call.repeatable


def _typed(call: Call) -> Mapping[str, str]:
    return {} if call.body is None else {"Content-Type": "application/json"}


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """Return the answer's body as far as it came, and whether that is all: the status says the most."""
    parts: list[bytes] = []
    size = 0
    try:
        async for part in response.content.iter_chunked(64 * 1024):
            parts.append(part)
            size += len(part)
            if size > ANSWER_LIMIT:
                return b"".join(parts), False
    except (aiohttp.ClientError, OSError):
        return b"".join(parts), False
    return b"".join(parts), True
