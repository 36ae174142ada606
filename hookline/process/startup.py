"""What has to be true before a role starts: accounts that can prove a sender, accounts that can send."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from hookline.called import command
from hookline.configuration.accounts import Unresolved
from hookline.configuration.config import Config, ConfigError
from ingest.polls import PolledAccount
from ingest.server import Endpoint
from providers.contract import Account, AccountError, Sender
from providers.registry import provider
from providers.roles import Confirmer, Lookup


@dataclass(frozen=True, slots=True)
class Unable:
    """An account that cannot do its work, and why."""

    account: str
    reason: str


def endpoints_of(config: Config) -> Mapping[str, Endpoint]:
    """Return what serves each account.

    Raises ConfigError naming every account that has no usable key, and why.
    """
    if not config.accounts:
        raise ConfigError(
            f"{config.path}: no account: add a table [accounts.NAME], as `{command('init', 'telnyx')}` writes it"
        )
    unable = [found for account in config.accounts.values() if (found := unable_to_trust(config, account))]
    if unable:
        raise ConfigError(
            "\n".join(f"account {item.account!r} cannot prove a sender: {item.reason}" for item in unable)
        )
    return {name: _endpoint(account) for name, account in config.accounts.items()}


def unable_to_verify(config: Config, account: Account) -> Unable | None:
    """Tell why an account could prove nobody; one key of several that cannot be read counts as such."""
    broken = [item for item in config.unresolved.get(account.name, ()) if item.setting.proves]
    if broken:
        return Unable(account.name, "; ".join(f"{item.reason} ({item.place})" for item in broken))
    return _tried(account, provider(account.provider).verifier, ())


def unable_to_trust(config: Config, account: Account) -> Unable | None:
    """Tell why webhooks of an account could not be trusted: no key, or a read-back that cannot be made."""
    found = unable_to_verify(config, account)
    make = provider(account.provider).corroborator
    return found or _tried(account, make, _credentials_missing(config, account))


def unable_to_poll(config: Config, account: Account) -> Unable | None:
    """Tell why an account cannot be polled although it wants to be. Opens nothing."""
    return _tried(account, provider(account.provider).polls, _credentials_missing(config, account))


def polled_of(config: Config) -> tuple[Sequence[PolledAccount], tuple[Unable, ...]]:
    """Return every poll that an account wants, and the accounts that cannot be polled although they want it."""
    polled: list[PolledAccount] = []
    unable: list[Unable] = []
    for account in config.accounts.values():
        found = provider(account.provider)
        reason = unable_to_poll(config, account)
        if reason is None:
            polled += [PolledAccount(account, found, poll) for poll in found.polls(account)]
        else:
            unable.append(reason)
    return polled, tuple(unable)


def confirmers_of(config: Config) -> tuple[Mapping[str, Confirmer], tuple[Unable, ...]]:
    """Return the accounts that confirm, and those that cannot although their provider waits for it."""
    confirmers: dict[str, Confirmer] = {}
    unable: list[Unable] = []
    for name, account in config.accounts.items():
        make = provider(account.provider).confirmer
        reason = _tried(account, make, _credentials_missing(config, account))
        confirmer = make(account) if reason is None else None
        if confirmer is not None:
            confirmers[name] = confirmer
        elif reason is not None:
            unable.append(reason)
    return confirmers, tuple(unable)


def lookups_of(config: Config, accounts: Iterable[Account]) -> tuple[Mapping[str, Lookup], tuple[Unable, ...]]:
    """Return the accounts whose messages can be asked about, and those whose cannot, and why."""
    lookups: dict[str, Lookup] = {}
    unable: list[Unable] = []
    for account in accounts:
        make = provider(account.provider).lookup
        reason = _tried(account, make, _credentials_missing(config, account))
        lookup = make(account) if reason is None else None
        if lookup is not None:
            lookups[account.name] = lookup
        else:
            unable.append(reason or Unable(account.name, f"{account.provider} cannot be asked about a message"))
    return lookups, tuple(unable)


def unable_to_send(config: Config, account: Account) -> Unable | None:
    """Tell why an account cannot call its provider. Opens nothing."""
    return _tried(account, provider(account.provider).sender, _credentials_missing(config, account))


def senders_of(config: Config) -> tuple[Mapping[str, Sender], tuple[Unable, ...]]:
    """Return the accounts that can send, and those that cannot."""
    senders: dict[str, Sender] = {}
    unable: list[Unable] = []
    for name, account in config.accounts.items():
        try:
            senders[name] = provider(account.provider).sender(account)
        except AccountError as error:
            unable.append(Unable(name, _without_name(name, _reason(error, _credentials_missing(config, account)))))
    return senders, tuple(unable)


def check_sending(config: Config) -> None:
    """Refuse to carry commands out where a credential is configured and not there, or no account has one.

    Every command would be marked as failed for good. Raises ConfigError.
    """
    missing = [item for account in config.accounts.values() for item in _credentials_missing(config, account)]
    if missing:
        raise ConfigError("\n".join(f"{item.place}: cannot send: {item.reason}" for item in missing))
    unable = [unable_to_send(config, account) for account in config.accounts.values()]
    if all(unable):
        reasons = "; ".join(f"account {item.account!r} {item.reason}" for item in unable if item) or "there is none"
        raise ConfigError(f"{config.path}: no account can send: {reasons}")


def _endpoint(account: Account) -> Endpoint:
    found = provider(account.provider)
    return Endpoint(account, found, found.verifier(account), found.corroborator(account))


def _credentials_missing(config: Config, account: Account) -> Sequence[Unresolved]:
    return [item for item in config.unresolved.get(account.name, ()) if not item.setting.proves]


def _tried(account: Account, make: Callable[[Account], object], missing: Sequence[Unresolved]) -> Unable | None:
    try:
        make(account)
    except AccountError as error:
        return Unable(account.name, _without_name(account.name, _reason(error, missing)))
    return None


def _reason(error: AccountError, missing: Sequence[Unresolved]) -> str:
    return "; ".join(f"{item.reason} ({item.place})" for item in missing) or str(error)


def _without_name(account: str, reason: str) -> str:
    # Our own sentence names the account already.
    return reason.removeprefix(f"account {account!r}").lstrip(": ")
