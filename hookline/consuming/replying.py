"""Wires auto-reply."""

from collections.abc import Sequence

from consumers.auto_reply.consumer import Accounts, auto_reply
from hookline.consuming.parts import CrewParts, Made
from providers.contract import Account
from providers.registry import provider


def make(parts: CrewParts) -> Made:
    """Return the consumer that answers messages."""
    accounts = parts.config.accounts.values()
    special = Accounts(
        choosing_number=frozenset(each.name for each in accounts if provider(each.provider).chooses_number),
        polled=frozenset(each.name for each in accounts if _polls_messages(each)),
    )
    settings = parts.config.consumers.auto_reply
    return Made(auto_reply(settings, parts.log, parts.metrics, parts.clock, special))


def _polls_messages(account: Account) -> bool:
    wanted: Sequence[str] = account.settings.get("polls") or ()
    return not provider(account.provider).message_polls.isdisjoint(wanted)
