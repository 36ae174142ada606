"""From an account's settings to its client."""

from providers.access import base_url
from providers.contract import Account, AccountError, Secret
from providers.messagemedia.api.authorization import Authentication
from providers.messagemedia.client import DEFAULT_BASE_URL, MessageMediaClient
from providers.rest.errors import LimitError
from providers.rest.transport import Tempo


def client(account: Account, tempo: Tempo | None = None) -> MessageMediaClient:
    """Return the client of an account. Raises AccountError where key or secret are missing or cannot be such."""
    sub_account = account.settings.get("sub_account")
    key, secret, url = _secret(account, "api_key"), _secret(account, "api_secret"), base_url_of(account)
    try:
        return MessageMediaClient(
            key,
            secret,
            url,
            authentication=str(account.settings.get("authentication") or Authentication.BASIC),
            sub_account=str(sub_account) if sub_account else None,
            tempo=tempo,
        )
    except (AccountError, LimitError) as error:
        raise AccountError(f"account {account.name!r}: {error}") from error


def has_credentials(account: Account) -> bool:
    """Tell whether an account can make calls at all."""
    return all(isinstance(account.settings.get(name), Secret) for name in ("api_key", "api_secret"))


def confirms(account: Account) -> bool:
    """Tell whether the account's queues are ours to confirm; it can leave them to somebody else."""
    return account.settings.get("confirm") is not False


def base_url_of(account: Account) -> str:
    """Return the URL under which the API is reached. Raises AccountError where it is no URL."""
    return base_url(account, DEFAULT_BASE_URL)


def _secret(account: Account, name: str) -> Secret:
    value = account.settings.get(name)
    if not isinstance(value, Secret) or not value.value.strip():
        raise AccountError(f"account {account.name!r} has no {name}: it can receive, but not call MessageMedia")
    return value
