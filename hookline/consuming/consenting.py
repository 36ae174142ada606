"""Wires consent."""

from functools import partial

from consumers.consent.book import ConsentBook
from consumers.consent.consumer import AccountConsent, consent
from hookline.consuming.parts import CrewParts, Made
from providers.contract import Account, Settings
from providers.keywords import START_WORDS, STOP_WORDS, words_of
from providers.registry import provider
from schemas.events import InboundMessage


def make(parts: CrewParts) -> Made:
    """Return the consumer that keeps the book of consents."""
    accounts = {name: knowledge_of(account) for name, account in parts.config.accounts.items()}
    book = ConsentBook(parts.database)
    consumer = consent(parts.config.consumers.consent, parts.log, book, accounts, parts.metrics)
    return Made(consumer, needs_state=True)


def knowledge_of(account: Account) -> AccountConsent:
    """Return what an account's provider knows of consent."""
    found = provider(account.provider)
    return AccountConsent(
        scope_of=partial(_scope, account.provider, account.settings),
        # The table has more: what the provider's own list says of a number, such as NONE.
        words=words_of(found.words.consents) & (STOP_WORDS | START_WORDS),
    )


def _scope(name: str, settings: Settings, event: InboundMessage) -> str | None:
    return provider(name).scope_of(event, settings)
