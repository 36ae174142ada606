"""Where a provider's API is reached."""

from yarl import URL

from providers.contract import Account, AccountError


def base_url(account: Account, default: str) -> str:
    """Return the account's `base_url`, else the default. Raises AccountError where it is no http or https URL."""
    value = str(account.settings.get("base_url") or default)
    if not is_http_url(value):
        raise AccountError(f"account {account.name!r}: base_url is not an http or https URL")
    return value


def is_http_url(value: str) -> bool:
    """Tell whether a text is an http or https URL with a host."""
    try:
        url = URL(value)
    except ValueError:
        return False
    return url.scheme in {"http", "https"} and bool(url.host)
