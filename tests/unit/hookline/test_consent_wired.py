"""The consumer of consent with what each provider knows: one statement of each STOP, and the right numbers blocked."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers.consent.book import ConsentBook
from consumers.consent.consumer import consent
from consumers.consent.keywords import consent_said
from consumers.consent.settings import ConsentSettings
from consumers.metrics import ConsumerMetrics
from consumers.state.database import Database
from hookline.consuming.consenting import knowledge_of
from providers.keywords import START_WORDS, STOP_WORDS
from providers.registry import PROVIDERS
from schemas.envelope import read_event
from schemas.events import Event, InboundMessage
from schemas.topics import CONSENT
from tests.support.cases import CASES
from tests.support.consumed_log import MemoryLog
from tests.support.consumers import delivered
from tests.support.provider_cases import ProviderCase

OURS = [case for case in CASES.values() if case.provider.name in PROVIDERS]

UNREAD = [
    (case.provider.name, word) for case in OURS for word in sorted(STOP_WORDS - knowledge_of(case.account()).words)
]


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[ConsentBook]:
    """Give a book in an open state."""
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await database.open()
    yield ConsentBook(database)
    await database.close()


async def read(case: ProviderCase, book: ConsentBook, *events: Event) -> MemoryLog:
    """Let the consumer read events of the provider, and then what it published."""
    log, metrics = MemoryLog(), ConsumerMetrics(CollectorRegistry())
    accounts = {"main": knowledge_of(case.account())}
    consumer = consent(ConsentSettings(), log, book, accounts, metrics)
    for event in events:
        await consumer.handle(delivered(event))
    for records in list(log.records.values()):
        for record in list(records):
            await consumer.handle(read_event(record))
    return log


def stop_of(case: ProviderCase) -> tuple[tuple[Event, ...], InboundMessage]:
    """Return the events of the provider's STOP, and the message among them."""
    events = case.events(case.story.stop)
    (message,) = [event for event in events if isinstance(event, InboundMessage)]
    return events, message


@pytest.mark.parametrize("case", OURS, ids=lambda case: case.provider.name)
@pytest.mark.parametrize("backwards", [False, True])
async def test_a_stop_is_one_statement_and_blocks_our_number(
    case: ProviderCase, book: ConsentBook, backwards: bool
) -> None:
    """The message and its consent come on two topics, in any order; nothing is published besides."""
    events, message = stop_of(case)
    log = await read(case, book, *(reversed(events) if backwards else events))
    assert message.from_ is not None
    assert len(await book.history(message.from_)) == 1
    assert not (await book.may_text("main", message.from_, message.to)).allowed
    assert all(place.topic != CONSENT.name for place in log.records)


@pytest.mark.parametrize(("name", "word"), UNREAD)
async def test_a_word_that_the_normalizer_leaves_opts_out_all_the_same(name: str, word: str, book: ConsentBook) -> None:
    """Those of the carriers and of the law, at every provider."""
    case = CASES[name]
    _, message = stop_of(case)
    assert message.from_ is not None
    await read(case, book, replace(message, text=word.title()))
    assert not (await book.may_text("main", message.from_, message.to)).allowed


@pytest.mark.parametrize("word", ["NONE", "BLACKLIST"])
def test_a_stop_word_that_is_a_state_of_the_providers_list_opts_out(word: str) -> None:
    """What Syniverse's records say of a number is no text that its normalizer reads."""
    case = CASES["syniverse"]
    assert consent_said(word, knowledge_of(case.account()).words, frozenset({word.lower()})) == ("opted_out", word)


@pytest.mark.parametrize("case", OURS, ids=lambda case: case.provider.name)
def test_every_normalizer_knows_the_words_that_opt_in(case: ProviderCase) -> None:
    """Punctuation and other doubts about an opt-in are left to the provider."""
    assert knowledge_of(case.account()).words >= START_WORDS


async def test_at_telnyx_a_number_of_another_profile_may_text(book: ConsentBook) -> None:
    """Telnyx blocks by messaging profile, so what one profile may not another may."""
    case = CASES["telnyx"]
    events, message = stop_of(case)
    assert message.from_ is not None
    await read(case, book, *events)
    await book.note_scope("main", "+15550009999", "profile:another", 1)
    assert (await book.may_text("main", message.from_, "+15550009999")).allowed
    assert not (await book.may_text("main", message.from_, "+15550008888")).allowed
    assert not (await book.may_text("main", message.from_, message.to)).allowed
