"""How Acme's API is reached."""

from collections.abc import Mapping

from providers.access import base_url
from providers.contract import Account, AccountError, Secret
from providers.rest.answers import json_of
from providers.rest.errors import RefusedError
from providers.rest.transport import Call, Tempo, Transport
from schemas.events import ProviderError

DEFAULT_BASE_URL = "https://api.acme.example"


class Token:
    """The token in every call."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    async def headers(self, call: Call, target: str) -> Mapping[str, str]:
        """Return the header that proves who calls."""
        del call, target
        return {"Authorization": f"Bearer {self._token.value.strip()}"}

    async def renew(self, refusal: RefusedError, sent: Mapping[str, str]) -> bool:
        """Return False: a token that is refused stays refused."""
        del refusal, sent
        return False


def transport(url: str, token: Secret, tempo: Tempo | None = None) -> Transport:
    """Return a transport to Acme."""
    return Transport(url, Token(token), errors_of, tempo)


def transport_of(account: Account) -> Transport:
    """Return the transport of an account. Raises AccountError where it has no token."""
    return transport(base_url_of(account), token_of(account))


def token_of(account: Account) -> Secret:
    """Return an account's token. Raises AccountError where it is missing."""
    token = account.settings.get("token")
    if not isinstance(token, Secret) or not token.value.strip():
        raise AccountError(f"account {account.name!r} has no token: it can receive, but not call")
    return token


def base_url_of(account: Account) -> str:
    """Return the URL under which Acme's API is reached. Raises AccountError where it is no URL."""
    return base_url(account, DEFAULT_BASE_URL)


def errors_of(body: bytes) -> tuple[ProviderError, ...]:
    """Return the error of `{"error": {"code":, "title":}}`."""
    value = json_of(body)
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict):
        return ()
    code, title = error.get("code"), error.get("title")
    return (ProviderError(code=str(code) if code else None, title=title if isinstance(title, str) else None),)
