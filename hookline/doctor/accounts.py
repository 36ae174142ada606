"""Checks of the accounts: can each prove a sender, can each send?"""

from hookline.configuration.config import Config
from hookline.doctor.report import Check, fail, ok, warn
from hookline.process.startup import unable_to_send, unable_to_verify
from providers.contract import Account


def check_accounts(config: Config) -> list[Check]:
    """Return what is so for each account."""
    if not config.accounts:
        return [fail("accounts", "there is none", "add a table [accounts.NAME]; `hookline init telnyx` shows one")]
    return [check for account in config.accounts.values() for check in _check(config, account)]


def _check(config: Config, account: Account) -> list[Check]:
    area = f"account {account.name}"
    unable = unable_to_verify(config, account)
    proof = (
        ok(area, f"has a usable key; webhooks come to /webhooks/{account.name}")
        if unable is None
        else fail(area, f"cannot prove a sender: {unable.reason}", "the receiver refuses to start until this is mended")
    )
    silent = unable_to_send(config, account)
    if silent is None:
        return [proof, ok(area, "has a credential for sending")]
    return [proof, warn(area, f"cannot send: {silent.reason}", "a receiver alone needs none; replies need it")]
