"""What the reply rules come to for each account, beside what that account and its provider can do."""

from collections.abc import Iterator
from dataclasses import dataclass

from consumers.auto_reply.rules import normalized
from hookline.configuration.config import Config
from hookline.process.startup import unable_to_send
from providers.contract import Account
from providers.registry import provider


@dataclass(frozen=True, slots=True)
class Mute:
    """An account whose messages have replies that cannot be sent. `replies` names rules, and `default_reply`."""

    account: str
    replies: tuple[str, ...]
    reason: str
    advice: str


def mute_accounts(config: Config) -> tuple[Mute, ...]:
    """Return the accounts whose every reply would fail for want of a credential."""
    return tuple(mute for account in config.accounts.values() if (mute := _mute(config, account)))


def never_fitting(config: Config) -> Iterator[tuple[str, str, str]]:
    """Yield rule, keyword and provider's title where that provider answers the word itself, so that we never do."""
    for rule in config.consumers.auto_reply.rules:
        names = rule.accounts or tuple(config.accounts)
        accounts = [config.accounts[name] for name in names if name in config.accounts]
        for word in rule.keywords:
            for title in sorted({provider(each.provider).title for each in accounts if _answers(each, word)}):
                yield rule.name, word, title


def _answers(account: Account, word: str) -> bool:
    return provider(account.provider).answers(normalized(word), account.settings) is not None


def _mute(config: Config, account: Account) -> Mute | None:
    settings = config.consumers.auto_reply
    rules = [
        f"rule {rule.name!r}"
        for rule in settings.rules
        if rule.reply and not rule.silent and (not rule.accounts or account.name in rule.accounts)
    ]
    replies = (*rules, *(("default_reply",) if settings.default_reply else ()))
    unable = unable_to_send(config, account) if replies else None
    if unable is None:
        return None
    keys = [item.name for item in provider(account.provider).settings if item.secret and not item.many]
    advice = f"set {' and '.join(keys)} in [accounts.{account.name}], or let no reply apply to the account"
    return Mute(account.name, replies, unable.reason, advice)
