"""How Telnyx's API is reached: where it is, and the key that proves who calls."""

import re
from collections.abc import Mapping

from providers.access import base_url, is_http_url
from providers.contract import Account, AccountError, Secret
from providers.rest.errors import RefusedError
from providers.rest.transport import Call, Tempo, Transport
from providers.telnyx.answers import SPEND_LIMIT, errors_in

DEFAULT_BASE_URL = "https://api.telnyx.com/v2"
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)


class Bearer:
    """The API key in every call."""

    def __init__(self, api_key: Secret) -> None:
        """Raises AccountError where the key has characters that no key has."""
        self._value = api_key.value.strip()
        if not _VISIBLE.fullmatch(self._value):
            raise AccountError(f"{api_key.origin} holds nothing, or characters that no API key has")

    async def headers(self, call: Call, target: str) -> Mapping[str, str]:
        """Return the header that proves who calls."""
        del call, target
        return {"Authorization": f"Bearer {self._value}"}

    async def renew(self, refusal: RefusedError, sent: Mapping[str, str]) -> bool:
        """Return False: a key that is refused stays refused."""
        del refusal, sent
        return False


def transport(url: str, api_key: Secret, tempo: Tempo | None = None) -> Transport:
    """Return a transport to Telnyx. Raises AccountError where the URL is none or the key cannot be one."""
    if not is_http_url(url):
        raise AccountError("base_url is not an http or https URL")
    # The daily spend limit is answered with 429, and no waiting mends it before tomorrow.
    return Transport(url, Bearer(api_key), errors_in, tempo, final_codes=(SPEND_LIMIT,))


def api_key_of(account: Account) -> Secret:
    """Return an account's API key. Raises AccountError where it is missing or cannot be one."""
    api_key = account.settings.get("api_key")
    if not isinstance(api_key, Secret) or not api_key.value.strip():
        raise AccountError(f"account {account.name!r} has no api_key: it can receive, but not call or send")
    if not _VISIBLE.fullmatch(api_key.value.strip()):
        raise AccountError(f"account {account.name!r}: {api_key.origin} holds characters that no API key has")
    return api_key


def base_url_of(account: Account) -> str:
    """Return the URL under which Telnyx's API is reached. Raises AccountError where it is no URL."""
    return base_url(account, DEFAULT_BASE_URL)
