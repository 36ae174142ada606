"""Checks of the accounts: can each prove a sender, can each send, does each reply rule make sense?"""

from hookline.called import command
from hookline.configuration.config import Config
from hookline.doctor.report import Check, fail, ok, warn
from hookline.process.startup import unable_to_poll, unable_to_send, unable_to_trust
from hookline.replies import Mute, mute_accounts, never_fitting
from providers.contract import Account, Secret
from providers.registry import provider


def check_accounts(config: Config) -> list[Check]:
    """Return what is so for each account."""
    if not config.accounts:
        return [
            fail("accounts", "there is none", f"add a table [accounts.NAME]; `{command('init', 'telnyx')}` shows one")
        ]
    mute = {item.account: item for item in mute_accounts(config)}
    checks = [
        check for account in config.accounts.values() for check in _check(config, account, mute.get(account.name))
    ]
    return [*checks, *check_shared(config), *check_keywords(config)]


def check_shared(config: Config) -> list[Check]:
    """Return the accounts that call a provider with one credential: polls and new tokens of one hit the others."""
    holders: dict[tuple[str, str, str], list[str]] = {}
    for account in config.accounts.values():
        for setting in provider(account.provider).settings:
            value = account.settings.get(setting.name)
            if setting.secret and not setting.proves and isinstance(value, Secret):
                holders.setdefault((account.provider, setting.name, value.value.strip()), []).append(account.name)
    shared: dict[tuple[str, ...], list[str]] = {}
    for (where, name, _), names in holders.items():
        if len(names) > 1:
            shared.setdefault((provider(where).title, *names), []).append(name)
    advice = "what one of them polls, confirms or renews is gone for the others: let one do it, or have a key for each"
    return [
        warn("accounts", f"{', '.join(names)} share one {' and one '.join(settings)} at {title}", advice)
        for (title, *names), settings in shared.items()
    ]


def check_keywords(config: Config) -> list[Check]:
    """Return the keywords to which no rule of ours will ever answer."""
    advice = "take the keyword out of the rule; what is said to such words is set in the provider's portal"
    return [
        warn("replies", f"rule {rule!r}: {title} answers {word!r} itself, so the rule never does", advice)
        for rule, word, title in never_fitting(config)
    ]


def _check(config: Config, account: Account, mute: Mute | None) -> list[Check]:
    area = f"account {account.name}"
    unable = unable_to_trust(config, account)
    proof = (
        ok(area, f"has a usable key; webhooks come to /webhooks/{account.name}")
        if unable is None
        else fail(area, f"cannot prove a sender: {unable.reason}", "the receiver refuses to start until this is mended")
    )
    proofs = [proof, *_check_polls(config, account)]
    if mute is not None:
        lost = f"cannot send: {mute.reason}; every reply of {', '.join(mute.replies)} is lost"
        return [*proofs, fail(area, lost, mute.advice)]
    silent = unable_to_send(config, account)
    if silent is None:
        return [*proofs, ok(area, "has a credential for sending")]
    return [*proofs, warn(area, f"cannot send: {silent.reason}", "a receiver alone needs none; replies need it")]


def _check_polls(config: Config, account: Account) -> list[Check]:
    wanted = account.settings.get("polls")
    if not wanted:
        return []
    area = f"account {account.name}"
    unable = unable_to_poll(config, account)
    if unable is None:
        return [ok(area, f"polls {', '.join(wanted)}")]
    return [fail(area, f"cannot poll: {unable.reason}", "set the credential, or take `polls` out of the account")]
