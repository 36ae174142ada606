"""The consumer of consent: the book, the topic, and what people write."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.log import Partition
from consumers.consent.book import ConsentBook
from consumers.consent.consumer import AccountConsent, consent
from consumers.consent.keywords import consent_said
from consumers.consent.publishing import Owner, corrections, statement_record
from consumers.consent.rebuild import rebuild
from consumers.consent.settings import ConsentSettings
from consumers.consent.statement import Statement, statement_of
from consumers.consumer import Reject, TryLater
from consumers.state.database import Database
from providers.keywords import STOP_WORDS
from schemas.envelope import event_to_record, read_event
from schemas.events import ConsentChanged, Event
from schemas.records import Record, StoredRecord
from schemas.topics import CONSENT, INBOUND, Topic, retry_topic
from schemas.vocabulary import Consent, ConsentSource
from tests.support.consumers import MAIN, NOW, PERSON, Bench, delivered, inbound, until

OUT, IN = Consent.OPTED_OUT, Consent.OPTED_IN
KNOWN = AccountConsent(scope_of=lambda event: event.sender_id, words=frozenset({"stop", "start"}))


def said(ordinal: int, word: str = OUT, minute: int | None = 0, **fields: Any) -> ConsentChanged:
    """Return a statement about PERSON."""
    given: dict[str, Any] = {
        "id": f"statement-{ordinal}",
        "provider": "telnyx",
        "account": "main",
        "tenant": "acme",
        "occurred_at": None if minute is None else NOW + timedelta(minutes=minute),
        "received_at": NOW + timedelta(hours=1),
        "scope": "profile:one",
        "number": PERSON,
        "consent": word,
        "source": ConsentSource.MESSAGE,
    }
    return ConsentChanged(**given | fields)


@dataclass
class Desk:
    """The consumer on a log in memory, with its book."""

    bench: Bench
    book: ConsentBook
    database: Database
    settings: ConsentSettings = field(default_factory=ConsentSettings)

    async def run(self, *events: Event) -> None:
        """Let the consumer read these, and all that it publishes itself."""
        self.bench.fill(*events)
        loop = self.bench.run(consent(self.settings, self.bench.log, self.book, {"main": KNOWN}, self.bench.metrics))
        await until(lambda: loop.health().running and self.lag() == 0)
        await self.bench.stop()

    def lag(self) -> int:
        """Return how many records are not committed."""
        log = self.bench.log
        ends = {
            place: len(records) for place, records in log.records.items() if place.topic in {CONSENT.name, INBOUND.name}
        }
        return sum(end - log.offsets.get(("consent", place), 0) for place, end in ends.items())

    def records(self) -> list[StoredRecord]:
        """Return what is on the topic of consent."""
        return self.bench.log.records.get(Partition(CONSENT.name, 0), [])

    def topic(self) -> dict[bytes | None, StoredRecord]:
        """Return what compaction leaves of the topic: the last record of each key that is no tombstone."""
        last = {record.key: record for record in self.records()}
        return {key: record for key, record in last.items() if record.value is not None}

    def told(self) -> dict[tuple[str, str], tuple[str, str, int]]:
        """Return by scope and number what the topic says."""
        found = (statement_of(event) for record in self.topic().values() if (event := consent_of(record)))
        return {(each.scope, each.number): (each.event_id, each.consent, each.moment_ms) for each in found}


def consent_of(record: StoredRecord) -> ConsentChanged | None:
    """Return the statement of a record."""
    event = read_event(record).event
    return event if isinstance(event, ConsentChanged) else None


def counted(statements: Iterable[Statement]) -> dict[tuple[str, str], tuple[str, str, int]]:
    """Return the same of the table."""
    return {(each.scope, each.number): (each.event_id, each.consent, each.moment_ms) for each in statements}


@pytest.fixture
async def desk(tmp_path: Path, bench: Bench) -> AsyncIterator[Desk]:
    """Give a desk whose state is open."""
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await database.open()
    yield Desk(bench, ConsentBook(database), database)
    await database.close()


async def test_statements_of_every_source_are_noted(desk: Desk) -> None:
    """A message, a provider, a list, and the command line."""
    sources = tuple(ConsentSource)
    await desk.run(*(said(n, source=source, minute=n) for n, source in enumerate(sources)))
    assert {each.source for each in await desk.book.history(PERSON)} == set(sources)
    assert len(desk.records()) == len(sources)


async def test_behind_a_late_statement_the_one_that_counts_is_told_again(desk: Desk) -> None:
    """The topic's last record of the key is what the table says, once and without an echo."""
    await desk.run(said(2, IN, 9), said(1, OUT, 3))
    assert [record.text_header("ce_id") for record in desk.records()] == ["statement-2", "statement-1", "statement-2"]
    assert desk.bench.count("consents_total", outcome="told_again") == 1
    assert desk.told() == counted(await desk.book.counting(PERSON))


async def test_what_is_told_again_is_the_statement_as_it_was(desk: Desk) -> None:
    """Provider, tenant, source, keyword and times; the provider's own object stays in the first record."""
    first = said(2, IN, 9, keyword="START", provider_status="x")
    await desk.run(first, said(1, OUT, 3))
    assert consent_of(desk.records()[-1]) == first


async def test_a_repeat_with_another_time_does_not_stay_the_last_word(desk: Desk) -> None:
    """A rebuild from the topic must not take the repeat for a later statement."""
    stop = said(1, OUT, None)
    await desk.run(stop, replace(stop, received_at=NOW + timedelta(hours=5)))
    assert desk.told() == counted(await desk.book.counting(PERSON))


async def test_under_another_spelling_of_the_number_nothing_stays(desk: Desk) -> None:
    """One person has one key; the other gets a tombstone."""
    await desk.run(said(1, OUT, number=PERSON.removeprefix("+")))
    assert [record.key for record in desk.topic().values()] == [f"main|profile:one|{PERSON}".encode()]
    assert desk.told() == counted(await desk.book.counting(PERSON))


@pytest.mark.parametrize("topic", [CONSENT, retry_topic(CONSENT, "consent")])
def test_the_other_spelling_goes_from_the_topic_of_consent_whatever_way_it_came(topic: Topic) -> None:
    """A record that was tried again, or redriven, stands on the retry topic, which nobody compacts."""
    event = said(1, number=PERSON.removeprefix("+"))
    came = delivered(event)
    record = replace(came.record, topic=topic.name)
    behind = corrections(replace(came, record=record), event, statement_of(event))
    assert [(each.topic, each.key) for each in behind if each.value is None] == [(CONSENT.name, record.key)]


async def test_a_word_that_the_normalizer_knows_is_left_to_it(desk: Desk) -> None:
    """Its statement is on the way already."""
    await desk.run(inbound(1, text=" Stop "))
    assert desk.records() == []


@pytest.mark.parametrize("text", ["Revoke", "opt  out", "STOP!", "\u201cunsubscribe\u201d"])
async def test_a_word_that_no_normalizer_knows_is_read_here(desk: Desk, text: str) -> None:
    """The statement is published, and noted like any other."""
    await desk.run(inbound(1, text=text, sender_id="sender:7"))
    found = await desk.book.may_text("main", PERSON, MAIN)
    assert (found.allowed, found.scope, found.source) == (False, "sender:7", "message")
    assert desk.bench.count("consents_total", outcome="written") == 1


async def test_words_of_the_configuration_opt_out_too(desk: Desk) -> None:
    """Carriers of other countries have their own."""
    desk.settings = ConsentSettings(stop_words=("Arr\u00eat",))
    await desk.run(inbound(1, text="ARR\u00caT."))
    assert not (await desk.book.may_text("main", PERSON, None)).allowed


@pytest.mark.parametrize("family", ["other", "help"])
async def test_a_stop_that_the_provider_takes_for_something_else_is_noted(desk: Desk, family: str) -> None:
    """Its normalizer makes no statement then, and nobody else would."""
    await desk.run(inbound(1, text="STOP", autoresponse=family))
    assert not (await desk.book.may_text("main", PERSON, None)).allowed


@pytest.mark.parametrize(("text", "family"), [("STOP", None), ("STOP", "stop"), ("START", "start"), ("START", "other")])
async def test_what_the_normalizer_sees_to_is_not_written_here(desk: Desk, text: str, family: str | None) -> None:
    """Nor a START that the provider did not take for one: a guess must undo no opt-out."""
    await desk.run(inbound(1, text=text, autoresponse=family))
    assert desk.records() == []


async def test_what_we_wrote_ourselves_opts_nobody_out(desk: Desk) -> None:
    """An echo of an outbound message is no statement of a person."""
    await desk.run(inbound(1, text="revoke", direction="outbound"))
    assert desk.records() == []


async def test_a_statement_read_here_and_by_the_normalizer_is_one(desk: Desk) -> None:
    """Both have the id of the message and the person: the history has it once."""
    await desk.run(inbound(1, text="STOP!", sender_id="profile:one"))
    mine = consent_of(desk.records()[0])
    assert mine is not None
    await desk.run(replace(mine, provider_status="STOP"))
    assert len(await desk.book.history(PERSON)) == 1


async def test_messages_tell_the_scope_of_our_number(desk: Desk) -> None:
    """Then an opt-out from another scope does not silence it any more."""
    await desk.run(said(1, OUT))
    assert not (await desk.book.may_text("main", PERSON, MAIN)).allowed
    await desk.run(inbound(1, sender_id="profile:two"))
    assert (await desk.book.may_text("main", PERSON, MAIN)).allowed


async def test_a_number_that_moves_to_another_scope_is_followed(desk: Desk) -> None:
    """The latest message tells."""
    later: dict[str, Any] = {"occurred_at": NOW + timedelta(hours=2), "received_at": NOW + timedelta(hours=2)}
    await desk.run(
        inbound(1, sender_id="profile:two"), inbound(2, sender_id="profile:one", **later), inbound(3, sender_id="x")
    )
    await desk.run(said(1, OUT))
    assert not (await desk.book.may_text("main", PERSON, MAIN)).allowed


async def test_an_account_that_is_gone_from_the_configuration_is_read_all_the_same(desk: Desk) -> None:
    """Its people opted out for good reason."""
    await desk.run(inbound(1, text="stop", account="former"))
    assert not (await desk.book.may_text("former", PERSON, MAIN)).allowed


async def test_a_state_that_is_away_uses_up_no_try(bench: Bench, tmp_path: Path) -> None:
    """The event waits for it."""
    book = ConsentBook(Database(f"sqlite:///{tmp_path / 'state.db'}"))
    consumer = consent(ConsentSettings(), bench.log, book, {}, bench.metrics)
    with pytest.raises(TryLater, match="state_unavailable"):
        await consumer.handle(delivered(said(1)))


async def test_one_id_for_two_persons_is_rejected_at_once(desk: Desk) -> None:
    """No retry would make it one."""
    consumer = consent(ConsentSettings(), desk.bench.log, desk.book, {}, desk.bench.metrics)
    await consumer.handle(delivered(said(1)))
    with pytest.raises(Reject, match="one_id"):
        await consumer.handle(delivered(said(1, number="+15550009999")))


async def test_a_rebuild_from_the_topic_gives_the_same_table(desk: Desk, tmp_path: Path) -> None:
    """Of what compaction leaves; late ones, repeats, looks at a list, and other spellings among it."""
    look = said(7, OUT, None, source=ConsentSource.LIST, scope="account")
    await desk.run(
        *(said(n, (OUT, IN)[n % 2], minute) for n, minute in enumerate((5, 2, 9, 1))),
        look,
        replace(look, received_at=NOW + timedelta(hours=3)),
        said(8, IN, 99, number=PERSON.removeprefix("+")),
        replace(said(9, OUT, None), received_at=NOW + timedelta(hours=8)),
    )
    fresh = Database(f"sqlite:///{tmp_path / 'fresh.db'}")
    await fresh.open()
    compacted = Bench()
    for record in desk.topic().values():
        compacted.log.put(Record(CONSENT.name, record.key, record.value, record.headers, record.timestamp))
    found = await rebuild(compacted.log, ConsentBook(fresh))
    assert (found.noted, found.refused) == (2, 0)
    assert counted(await ConsentBook(fresh).counting(PERSON)) == counted(await desk.book.counting(PERSON))
    await fresh.close()


async def test_a_group_that_begins_anew_with_an_empty_state_comes_to_the_same(desk: Desk, tmp_path: Path) -> None:
    """State lost, offsets reset: all is read again, and topic and table agree as before."""
    await desk.run(*(said(n, (OUT, IN)[n % 2], minute) for n, minute in enumerate((5, 2, 9, 1))))
    wanted = desk.told()
    fresh = Database(f"sqlite:///{tmp_path / 'fresh.db'}")
    await fresh.open()
    desk.bench.log.offsets.clear()
    again = Desk(desk.bench, ConsentBook(fresh), fresh)
    await again.run()
    assert again.told() == counted(await again.book.counting(PERSON)) == wanted
    await fresh.close()


async def test_a_rebuild_publishes_what_counts_where_the_topic_ends_with_something_else(
    desk: Desk, tmp_path: Path
) -> None:
    """The consumer went on without its table, and a late START was the first that it knew."""
    await desk.run(said(1, OUT, 5))
    fresh = Database(f"sqlite:///{tmp_path / 'fresh.db'}")
    await fresh.open()
    again = Desk(desk.bench, ConsentBook(fresh), fresh)
    await again.run(said(2, IN, 1))
    assert [word for _, word, _ in again.told().values()] == [IN]
    found = [await rebuild(desk.bench.log, again.book) for _ in range(2)]
    assert [each.published for each in found] == [1, 0]
    assert again.told() == counted(await again.book.counting(PERSON))
    assert [word for _, word, _ in again.told().values()] == [OUT]
    await fresh.close()


async def test_a_rebuild_publishes_nobody_who_is_erased_meanwhile(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tombstone came while the topic was read: it stays the last word."""
    log = desk.bench.log
    for event in (said(1, OUT, 5), said(2, IN, 1)):
        log.put(event_to_record(event))
    note = desk.book.note

    async def noted_and_erased(event: ConsentChanged, webhook_id: str | None = None) -> Statement:
        log.put(Record(CONSENT.name, event_to_record(event).key, None, (), 0))
        return await note(event, webhook_id)

    monkeypatch.setattr(desk.book, "note", noted_and_erased)
    assert (await rebuild(log, desk.book)).published == 0
    assert desk.told() == {}


async def test_a_rebuild_does_not_bring_back_who_was_forgotten(desk: Desk) -> None:
    """Records before a tombstone of their key are not read, one behind it is."""
    log = desk.bench.log
    for event in (said(1), said(2, scope="account")):
        log.put(event_to_record(event))
        log.put(Record(CONSENT.name, event_to_record(event).key, None, (), 0))
    log.put(event_to_record(said(3, IN, 5, scope="account")))
    await rebuild(log, desk.book)
    assert [each.event_id for each in await desk.book.history(PERSON)] == ["statement-3"]


async def test_a_rebuild_counts_what_it_cannot_read(desk: Desk) -> None:
    """It goes on, and tells."""
    desk.bench.log.put(
        Record(CONSENT.name, b"k", b"{", (("ce_id", b"1"), ("ce_type", b"messaging.consent.changed")), 0)
    )
    desk.bench.log.put(event_to_record(said(1)))
    found = await rebuild(desk.bench.log, desk.book)
    assert (found.noted, found.refused) == (1, 1)


async def test_any_order_ends_with_topic_and_table_in_agreement(desk: Desk) -> None:
    """Whatever comes from several sources at once."""
    events = [said(n, (OUT, IN)[n % 2], (n * 7) % 5, scope=("account", "profile:one")[n % 3 == 0]) for n in range(20)]
    await asyncio.gather(desk.run(*events))
    assert desk.told() == counted(await desk.book.counting(PERSON))


@given(
    st.sampled_from((OUT, IN, Consent.UNKNOWN)),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from(tuple(ConsentSource)),
)
def test_a_statement_survives_its_own_record(word: str, occurred: int, received: int, source: str) -> None:
    """What is told again reads as it stands in the table: else telling it would never end."""
    event = said(1, word, occurred, source=source, received_at=NOW + timedelta(minutes=received))
    statement = statement_of(event)
    record = statement_record(statement, Owner("telnyx", None))
    again = consent_of(StoredRecord(record.topic, 0, 0, record.timestamp, record.key, record.value, record.headers))
    assert again is not None
    assert replace(statement_of(again), received_ms=0) == replace(statement, received_ms=0)


@given(st.text(max_size=80), st.booleans())
def test_any_text_is_read(text: str, known: bool) -> None:
    """Never an exception; who is known to the normalizer is left to it."""
    found = consent_said(text, frozenset(STOP_WORDS) if known else frozenset(), frozenset())
    assert found is None or found[0] in {OUT, IN}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("start", (IN, "START")),
        ("start?", None),
        ("stop...", (OUT, "STOP")),
        ("please stop", None),
        ("", None),
        ("!", None),
        ("x" * 65, None),
    ],
)
def test_only_a_whole_text_is_a_word(text: str, wanted: tuple[str, str] | None) -> None:
    """Punctuation is looked over for an opt-out alone."""
    assert consent_said(text, frozenset(), frozenset()) == wanted
