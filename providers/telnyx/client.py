"""Telnyx's messaging API: every operation as a typed call. Source: README, sections "Calls" and "Sources"."""

import time
from types import TracebackType
from typing import Self

from providers.contract import Account, Secret
from providers.credentials import credential
from providers.rest.transport import DEFAULT_RETRIES, DEFAULT_TIMEOUT, Tempo
from providers.telnyx.access import DEFAULT_BASE_URL, api_key_of, base_url_of, transport
from providers.telnyx.messages import MessageCalls
from providers.telnyx.numbers import BULK_UPDATES, NumberCalls
from schemas.times import Clock


class TelnyxClient(MessageCalls, NumberCalls):
    """Calls Telnyx with one API key. Connections open with the first call; `async with` closes them.

    ```
    async with TelnyxClient("env:TELNYX_API_KEY") as telnyx:
        message = await telnyx.send(from_="+12125550100", to="+13125550101", text="Open 9 to 17.")
    ```
    """

    def __init__(  # noqa: PLR0913 - each is one choice of its own
        self,
        api_key: Secret | str,
        *,
        base_url: str = DEFAULT_BASE_URL,
        timeout: float = DEFAULT_TIMEOUT,
        retries: int = DEFAULT_RETRIES,
        bulk_updates_path: str = BULK_UPDATES,
        clock: Clock = time.time,
    ) -> None:
        """`api_key` is a Secret or a reference (`env:NAME`, `file:PATH`); `timeout` is in seconds, for one try.

        Raises SecretError where the reference leads to no key, AccountError where the key or the URL cannot be one.
        """
        tempo = Tempo(timeout=timeout, retries=retries, clock=clock)
        super().__init__(transport(base_url, credential(api_key), tempo), clock, bulk_updates_path)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


def client(account: Account) -> TelnyxClient:
    """Return the client of an account.

    Raises AccountError where the API key is missing or cannot be one, or where the base URL is no URL.
    """
    path = str(account.settings.get("bulk_updates_path") or BULK_UPDATES)
    return TelnyxClient(api_key_of(account), base_url=base_url_of(account), bulk_updates_path=path)
