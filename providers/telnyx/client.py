"""Telnyx's messaging API: every operation as a typed call. Source: README, sections "Calls" and "Sources"."""

from types import TracebackType
from typing import Self

from providers.contract import Account, Secret
from providers.credentials import credential
from providers.rest.transport import Tempo
from providers.telnyx.access import DEFAULT_BASE_URL, api_key_of, base_url_of, transport
from providers.telnyx.messages import MessageCalls
from providers.telnyx.numbers import BULK_UPDATES, NumberCalls


class TelnyxClient(MessageCalls, NumberCalls):
    """Calls Telnyx with one API key. Connections open with the first call; `async with` closes them.

    ```
    async with TelnyxClient() as telnyx:
        message = await telnyx.send(from_="+12125550100", to="+13125550101", text="Open 9 to 17.")
    ```
    """

    def __init__(
        self,
        api_key: Secret | str = "env:TELNYX_API_KEY",
        base_url: str = DEFAULT_BASE_URL,
        *,
        bulk_updates_path: str = BULK_UPDATES,
        tempo: Tempo | None = None,
    ) -> None:
        """`api_key` is a Secret or a reference (`env:NAME`, `file:PATH`); `tempo` says how patient calls are.

        Raises SecretError where the reference leads to no key, AccountError where the key or the URL cannot be one.
        """
        tempo = tempo or Tempo()
        super().__init__(transport(base_url, credential(api_key), tempo), tempo.clock, bulk_updates_path)

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
