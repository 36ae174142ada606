"""The client of an account, made of the account's settings."""

from providers.access import base_url
from providers.contract import Account, AccountError, Secret
from providers.rest.errors import LimitError
from providers.rest.transport import Tempo
from providers.syniverse.api.tokens import DEFAULT_TOKEN_PATH
from providers.syniverse.client import DEFAULT_BASE_URL, SyniverseClient


def client(account: Account, tempo: Tempo | None = None) -> SyniverseClient:
    """Return the client of an account.

    An account of a configuration always has a `token_file`, by default one of its own name. One that was made in code
    without it regenerates no token: a new one would be lost.

    Raises AccountError where the token is missing, or a setting is none.
    """
    settings = account.settings
    token = settings.get("token")
    if not isinstance(token, Secret) or not token.value.strip():
        raise AccountError(f"account {account.name!r} has no token: it can receive, but not call Syniverse")
    _check(account, token)
    keeps = settings.get("token_file")
    try:
        return SyniverseClient(
            token,
            consumer_key=settings.get("consumer_key") if keeps else None,
            consumer_secret=settings.get("consumer_secret") if keeps else None,
            token_file=keeps,
            token_validity=_validity(account),
            base_url=base_url_of(account),
            token_path=str(settings.get("token_path") or DEFAULT_TOKEN_PATH),
            tempo=tempo,
        )
    except LimitError as error:
        raise AccountError(f"account {account.name!r}: {error}") from error


def caller(account: Account, tempo: Tempo | None = None) -> SyniverseClient:
    """Return the client of an account that calls by itself, and has to go on when its token dies.

    Raises AccountError where a token could be regenerated and not kept: the old one dies with the first regeneration,
    for the senders, the polls and the receiver alike.
    """
    if account.settings.get("consumer_key") and not account.settings.get("token_file"):
        raise AccountError(f"account {account.name!r}: with consumer_key it needs a token_file to keep a new token in")
    return client(account, tempo)


def base_url_of(account: Account) -> str:
    """Return the URL of Syniverse's API host. Raises AccountError where it is no URL."""
    return base_url(account, DEFAULT_BASE_URL)


def _check(account: Account, token: Secret) -> None:
    if not token.value.strip().isascii() or not token.value.strip().isprintable() or " " in token.value.strip():
        raise AccountError(f"account {account.name!r}: {token.origin} holds characters that no token has")


def _validity(account: Account) -> int | None:
    value = account.settings.get("token_validity")
    if value is None:
        return None
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise AccountError(f"account {account.name!r}: token_validity is a whole number of seconds") from error
