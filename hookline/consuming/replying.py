"""Wires auto-reply."""

from collections.abc import Mapping, Sequence
from functools import partial

from consumers.auto_reply.consumer import Accounts, ReplyParts, auto_reply
from consumers.auto_reply.guarding import horizon_of
from consumers.auto_reply.memory import ReplyMemory
from consumers.consent.book import ConsentBook
from hookline.configuration.config import Config
from hookline.consuming.parts import CrewParts, Made
from providers.contract import Account
from providers.registry import provider
from schemas.events import InboundMessage


def make(parts: CrewParts) -> Made:
    """Return the consumer that answers messages."""
    settings = parts.config.consumers.auto_reply
    consumer = auto_reply(
        ReplyParts(
            settings=settings,
            log=parts.log,
            metrics=parts.metrics,
            clock=parts.clock,
            memory=ReplyMemory(parts.database, horizon_of(settings)),
            consents=ConsentBook(parts.database),
            accounts=special_accounts(parts.config),
            stop_words=parts.config.consumers.consent.stop_words,
            scope_of=partial(_scope, parts.config.accounts),
        )
    )
    return Made(consumer, needs_state=True)


def special_accounts(config: Config) -> Accounts:
    """Return the accounts whose provider does not do as most do."""
    accounts = config.accounts.values()
    return Accounts(
        choosing_number=frozenset(each.name for each in accounts if provider(each.provider).chooses_number),
        polled=frozenset(each.name for each in accounts if _polls_messages(each)),
    )


def _scope(accounts: Mapping[str, Account], event: InboundMessage) -> str | None:
    account = accounts.get(event.account)
    return None if account is None else provider(account.provider).scope_of(event, account.settings)


def _polls_messages(account: Account) -> bool:
    wanted: Sequence[str] = account.settings.get("polls") or ()
    return not provider(account.provider).message_polls.isdisjoint(wanted)
