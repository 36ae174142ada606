"""Sending through Telnyx: `POST /messages`. Source: README, section 5."""

import asyncio
import re
import time
from collections.abc import Mapping

import aiohttp
import orjson
from yarl import URL

from providers.contract import Account, AccountError, Secret, SendReceipt, SendStatus
from providers.telnyx.answers import receipt_of
from schemas.events import SendRequested
from schemas.times import Clock
from schemas.vocabulary import FailureClass

DEFAULT_BASE_URL = "https://api.telnyx.com/v2"
DEFAULT_TIMEOUT = 15.0
_CONNECT_TIMEOUT = 5.0
_ANSWER_LIMIT = 256 * 1024
_IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_:-]{1,255}", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)
# Nothing has left this machine yet when one of these is raised.
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class TelnyxSender:
    """Sends texts through one Telnyx account. The connections open with the first call."""

    def __init__(
        self, base_url: str, api_key: Secret, timeout: float = DEFAULT_TIMEOUT, clock: Clock = time.time
    ) -> None:
        self._url = URL(base_url.rstrip("/") + "/messages")
        self._api_key = api_key
        self._timeout = timeout
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    @property
    def idempotent(self) -> bool:
        """Telnyx replays a successful answer for 24 hours to the same key with the same bytes."""
        return True

    def prepare(self, command: SendRequested) -> bytes:
        """Return the request body: who, to whom and what, and nothing else that a caller could choose.

        Raises ValueError where our number is not named: Telnyx chooses none.
        """
        if command.from_ is None:
            raise ValueError("no number of ours to send from")
        fields = {"from": command.from_, "to": command.to, "text": command.text}
        return orjson.dumps({name: value.encode("utf-8", "replace").decode() for name, value in fields.items()})

    async def send(self, command_id: str, body: bytes) -> SendReceipt:
        """Call Telnyx once, within the timeout. Never raises for what Telnyx or the network does."""
        if not _IDEMPOTENCY_KEY.fullmatch(command_id):
            return SendReceipt(
                status=SendStatus.REFUSED, failure_class=FailureClass.PERMANENT, reason="invalid_command_id"
            )
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(command_id, body)
        except _NOT_SENT:
            return SendReceipt(status=SendStatus.RETRY, reason="not_connected")
        except TimeoutError:
            return SendReceipt(status=SendStatus.UNKNOWN, reason="timeout")
        except (aiohttp.ClientError, OSError):
            return SendReceipt(status=SendStatus.UNKNOWN, reason="connection_lost")

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _post(self, command_id: str, body: bytes) -> SendReceipt:
        session = self._open()
        headers = self._headers(command_id)
        # A redirect would carry the key to whoever it names.
        async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
            answer = await _read(response)
            return receipt_of(response.status, response.headers, answer, self._clock())

    def _headers(self, command_id: str) -> Mapping[str, str]:
        return {
            "Authorization": f"Bearer {self._api_key.value.strip()}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Idempotency-Key": command_id,
            "User-Agent": "hookline",
        }

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_TIMEOUT, sock_connect=_CONNECT_TIMEOUT),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the answer's body as far as it came: the status says the most, so a cut body is no failure."""
    parts: list[bytes] = []
    size = 0
    try:
        async for part in response.content.iter_chunked(16 * 1024):
            parts.append(part)
            size += len(part)
            if size > _ANSWER_LIMIT:
                break
    except (aiohttp.ClientError, OSError):
        pass
    return b"".join(parts)


def sender(account: Account) -> TelnyxSender:
    """Return the sender of an account.

    Raises AccountError where the API key is missing or cannot be one, or where the base URL is no URL.
    """
    api_key = account.settings.get("api_key")
    if not isinstance(api_key, Secret) or not api_key.value.strip():
        raise AccountError(f"account {account.name!r} has no api_key: it can receive, but not send")
    if not _VISIBLE.fullmatch(api_key.value.strip()):
        raise AccountError(f"account {account.name!r}: {api_key.origin} holds characters that no API key has")
    return TelnyxSender(base_url_of(account), api_key)


def base_url_of(account: Account) -> str:
    """Return the URL under which Telnyx's API is reached. Raises AccountError where it is no URL."""
    value = account.settings.get("base_url") or DEFAULT_BASE_URL
    url = _parsed(str(value))
    if url is None or url.scheme not in {"http", "https"} or not url.host:
        raise AccountError(f"account {account.name!r}: base_url is not an http or https URL")
    return str(value)


def _parsed(value: str) -> URL | None:
    try:
        return URL(value)
    except ValueError:
        return None
