"""Prepares MessageMedia to push to us: three webhooks, and a signature key. `hookline setup` shows and runs it."""

from collections.abc import Sequence

from providers.contract import Account
from providers.messagemedia import access
from providers.messagemedia.client import MessageMediaClient
from providers.messagemedia.preparing.setup_keys import key_steps
from providers.messagemedia.preparing.setup_webhooks import webhook_steps
from providers.roles import SetupRequest, SetupStep

_PAGE_SIZE = 100


class MessageMediaSetup:
    """The plan for one account. To run it again changes nothing that is as it should be."""

    def __init__(self, client: MessageMediaClient, account: Account, request: SetupRequest) -> None:
        self._client = client
        self._account = account
        self._request = request

    async def plan(self) -> Sequence[SetupStep]:
        """Ask how things stand and return what is to be done, the keys last. Changes nothing. Raises ApiError."""
        api = self._client.webhooks
        found = [webhook async for webhook in api.list(page_size=_PAGE_SIZE)]
        return (
            *webhook_steps(api, self._account, self._request.url, found),
            *await key_steps(self._client.signature_keys, self._account, self._request),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def setup(account: Account, request: SetupRequest) -> MessageMediaSetup:
    """Return the setup of an account. Raises AccountError where a credential is missing or cannot be one."""
    return MessageMediaSetup(access.client(account), account, request)
