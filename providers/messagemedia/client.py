"""MessageMedia's client: credentials, connections, and every operation. Source: README of this folder, section 1."""

from typing import Self

from providers.contract import Secret
from providers.credentials import credential
from providers.messagemedia.api.answers import errors_of
from providers.messagemedia.api.authorization import Authentication, credentials_of
from providers.messagemedia.api.calls import Calls
from providers.messagemedia.api.operations import AccountOperations
from providers.rest.errors import LimitError
from providers.rest.transport import Tempo, Transport

DEFAULT_BASE_URL = "https://api.messagemedia.com"


class MessageMediaClient(AccountOperations):
    """MessageMedia's messaging API: messages, replies, delivery reports, webhooks, signature keys, blacklist.

    ```
    async with MessageMediaClient() as client:
        message = await client.send(content="Open 9 to 17.", destination_number="+61491570156")
    ```
    """

    def __init__(  # noqa: PLR0913 - each is a choice of its own, and has a default
        self,
        api_key: Secret | str = "env:MESSAGEMEDIA_API_KEY",
        api_secret: Secret | str = "env:MESSAGEMEDIA_API_SECRET",  # noqa: S107 - a reference, no secret
        base_url: str = DEFAULT_BASE_URL,
        *,
        authentication: str = Authentication.BASIC,
        sub_account: str | None = None,
        tempo: Tempo | None = None,
    ) -> None:
        """Key and secret are references (`env:NAME`, `file:PATH`) or Secret values; calls are made for `sub_account`.

        `authentication` is `basic`, `hmac-sha256` or `hmac-sha1`, as the key was made for; `tempo` says how patient
        calls are. Raises SecretError, AccountError, LimitError.
        """
        tempo = tempo or Tempo()
        proof = credentials_of(credential(api_key), credential(api_secret), authentication, tempo.clock)
        super().__init__(Calls(Transport(base_url, proof, errors_of, tempo), _checked(sub_account)))

    def for_sub_account(self, sub_account: str) -> AccountOperations:
        """Return the same operations for a sub-account, over this client's connections.

        The header `Account` goes with every call. It is documented for messages, replies, delivery reports and
        webhooks; what the platform makes of it elsewhere is not.
        """
        return AccountOperations(Calls(self.calls.transport, _checked(sub_account)))

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections, those of its sub-accounts with them."""
        await self.calls.transport.close()


def _checked(sub_account: str | None) -> str | None:
    if sub_account is not None and not (sub_account.isascii() and sub_account.isprintable() and sub_account.strip()):
        raise LimitError("sub_account: empty, or with characters that no header can carry")
    return sub_account
