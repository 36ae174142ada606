"""The book of consents: any order, any repeats, one answer."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, insert
from sqlalchemy.pool import StaticPool

from consumers.consent import table
from consumers.consent.book import ConsentBook
from consumers.consent.numbers import canonical, spellings
from consumers.consent.statement import Statement, permission, statement_of
from consumers.consent.table import OneIdError
from consumers.state.database import Database
from consumers.state.schema import consent_history, metadata
from schemas.events import ConsentChanged
from schemas.times import to_millis
from schemas.vocabulary import Consent, ConsentSource
from tests.support.consumers import MAIN, NOW, PERSON

OUT, IN, NOTHING = Consent.OPTED_OUT, Consent.OPTED_IN, Consent.UNKNOWN
PROFILE = "profile:one"


def said(ordinal: int, consent: str = OUT, minute: int | None = 0, **fields: Any) -> ConsentChanged:
    """Return a statement about PERSON; `minute` is when it was made, None where nobody tells."""
    given: dict[str, Any] = {
        "id": f"statement-{ordinal}",
        "provider": "telnyx",
        "account": "main",
        "occurred_at": None if minute is None else NOW + timedelta(minutes=minute),
        "received_at": NOW + timedelta(hours=1),
        "scope": PROFILE,
        "number": PERSON,
        "consent": consent,
        "source": ConsentSource.MESSAGE,
    }
    return ConsentChanged(**given | fields)


@pytest.fixture
def book(database: Database) -> ConsentBook:
    """Return a book in an open state, once on each database."""
    return ConsentBook(database)


async def note(book: ConsentBook, *events: ConsentChanged) -> None:
    """Note statements one after the other."""
    for event in events:
        await book.note(event)


async def test_nothing_known_is_permission(book: ConsentBook) -> None:
    """Most people never say a word about it."""
    found = await book.may_text("main", PERSON, MAIN)
    assert (found.allowed, found.consent, found.since) == (True, NOTHING, None)


async def test_an_opt_out_blocks_and_says_why(book: ConsentBook) -> None:
    """The answer names the statement that decides."""
    await note(book, said(1, OUT, 3))
    found = await book.may_text("main", PERSON, MAIN)
    assert (found.allowed, found.consent, found.scope, found.source) == (False, OUT, PROFILE, "message")
    assert found.since == NOW + timedelta(minutes=3)


async def test_a_later_opt_in_lifts_it_and_a_late_opt_out_does_not_come_back(book: ConsentBook) -> None:
    """The order of arrival does not count, the time of the statement does."""
    await note(book, said(2, IN, 5), said(1, OUT, 3))
    assert (await book.may_text("main", PERSON, MAIN)).consent == IN


async def test_a_repeat_that_comes_later_undoes_nothing(book: ConsentBook) -> None:
    """A provider's retry without a time of its own is received after what the person said since."""
    stop = said(1, OUT, None, received_at=NOW)
    again = replace(stop, received_at=NOW + timedelta(hours=9))
    await note(book, stop, said(2, IN, 5), again)
    assert (await book.may_text("main", PERSON, MAIN)).allowed


async def test_a_new_look_at_a_list_counts_again(book: ConsentBook) -> None:
    """A list without times says the same under the same id, and means now."""
    listed = said(1, OUT, None, source=ConsentSource.LIST, received_at=NOW)
    left = said(2, IN, None, source=ConsentSource.LIST, received_at=NOW + timedelta(hours=1))
    await note(book, listed, left, replace(listed, received_at=NOW + timedelta(hours=2)))
    assert not (await book.may_text("main", PERSON, MAIN)).allowed


async def test_nobody_speaks_in_the_future(book: ConsentBook) -> None:
    """An opt-in whose provider's clock is years ahead does not outlive an opt-out that came after it."""
    ahead = said(1, IN, 0, occurred_at=NOW + timedelta(days=900), received_at=NOW)
    await note(book, ahead, said(2, OUT, 10))
    assert not (await book.may_text("main", PERSON, MAIN)).allowed


async def test_at_one_moment_the_opt_out_wins(book: ConsentBook) -> None:
    """A mistake errs towards silence, whichever came last."""
    await note(book, said(1, OUT), said(2, IN, received_at=NOW + timedelta(days=1)))
    assert not (await book.may_text("main", PERSON, MAIN)).allowed


@pytest.mark.parametrize("word", [NOTHING, "a word of a later version"])
async def test_who_says_nothing_lifts_nothing(book: ConsentBook, word: str) -> None:
    """A later record that knows no consent is history and no answer."""
    await note(book, said(1, OUT), said(2, word, 9))
    assert not (await book.may_text("main", PERSON, MAIN)).allowed
    assert [each.consent for each in await book.history(PERSON)] == [word, OUT]


async def test_another_scope_blocks_where_ours_is_not_known(book: ConsentBook) -> None:
    """Without the scope of our number every opt-out of the account counts."""
    await note(book, said(1, OUT), said(2, IN, 9, scope="profile:two"))
    assert not (await book.may_text("main", PERSON, MAIN)).allowed
    assert not (await book.may_text("main", PERSON, None)).allowed


async def test_another_scope_does_not_block_where_ours_is_known(book: ConsentBook) -> None:
    """Telnyx blocks by messaging profile: our number is in another one."""
    await note(book, said(1, OUT))
    await book.note_scope("main", MAIN.removeprefix("+"), "profile:two", 1)
    assert (await book.may_text("main", PERSON, MAIN)).allowed
    assert not (await book.may_text("main", PERSON, "+15550009999")).allowed


async def test_an_opt_out_of_the_account_blocks_every_number(book: ConsentBook) -> None:
    """An opt-in to one profile does not lift it."""
    await book.note_scope("main", MAIN, PROFILE, 1)
    await note(book, said(1, OUT, scope="account"), said(2, IN, 9))
    found = await book.may_text("main", PERSON, MAIN)
    assert (found.allowed, found.scope) == (False, "account")


async def test_another_account_says_nothing(book: ConsentBook) -> None:
    """Consent is given to one account."""
    await note(book, said(1, OUT))
    assert (await book.may_text("other", PERSON, MAIN)).allowed


async def test_a_number_is_one_with_and_without_its_plus(book: ConsentBook) -> None:
    """Providers write the same person in both ways."""
    await note(book, said(1, OUT, number=PERSON.removeprefix("+")))
    assert not (await book.may_text("main", PERSON, MAIN)).allowed
    await note(book, said(2, IN, 9))
    assert (await book.may_text("main", PERSON.removeprefix("+"), MAIN)).allowed


async def test_a_scope_that_was_told_late_does_not_undo_a_newer_one(book: ConsentBook) -> None:
    """Our number moved to another profile; an old message comes after."""
    await note(book, said(1, OUT))
    await book.note_scope("main", MAIN, "profile:two", 2000)
    await book.note_scope("main", MAIN, PROFILE, 1000)
    assert (await book.may_text("main", PERSON, MAIN)).allowed


async def test_one_id_for_two_persons_is_refused(book: ConsentBook) -> None:
    """Such a record is broken; the one that was first stays as it was."""
    await note(book, said(1, OUT))
    with pytest.raises(OneIdError):
        await book.note(said(1, IN, 5, number="+15550007777"))
    assert await book.counting("+15550007777") == []


async def test_the_history_has_every_statement_with_its_source(book: ConsentBook) -> None:
    """Late ones too, the latest first."""
    await book.note(said(2, IN, 9, keyword="START"), "webhook-2")
    await note(book, said(1, OUT, 3, source="provider"))
    found = [(each.consent, each.source, each.keyword, each.webhook_id) for each in await book.history(PERSON)]
    assert found == [(IN, "message", "START", "webhook-2"), (OUT, "provider", None, None)]


async def test_statements_noted_at_once_are_all_kept(book: ConsentBook) -> None:
    """They wait for each other at the row of the person."""
    await asyncio.gather(*(book.note(said(n, (OUT, IN)[n % 2], n)) for n in range(20)))
    assert len(await book.history(PERSON)) == 20
    assert (await book.may_text("main", PERSON, MAIN)).consent == IN


def merged(connection: Connection, events: Sequence[ConsentChanged]) -> Sequence[Statement]:
    """Return what counts after these statements, and leave the state as empty as it was."""
    for event in events:
        table.put(connection, statement_of(event))
    found = table.counting(connection, None, PERSON)
    connection.rollback()
    return found


@pytest.fixture(scope="module")
def empty() -> Iterator[Connection]:
    """Give a connection to an empty state in memory."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def steps_to_note(connection: Connection, before: int) -> int:
    """Return how many steps SQLite takes to note a statement, in hundreds, of a person who has said so much."""

    def at(n: int) -> Statement:
        return statement_of(said(n, (OUT, IN)[n % 2], n, received_at=NOW + timedelta(minutes=n)))

    connection.execute(insert(consent_history), [asdict(at(n)) for n in range(before)])
    counted = count()
    sqlite: Any = connection.connection.driver_connection
    sqlite.set_progress_handler(lambda: next(counted) and 0, 100)
    table.put(connection, at(before))
    sqlite.set_progress_handler(None, 100)
    assert table.counting(connection, None, PERSON)[0].event_id == f"statement-{before}"
    connection.rollback()
    return next(counted)


def test_a_statement_is_noted_as_quickly_however_much_was_said(empty: Connection) -> None:
    """A robot may have said very much: what counts is looked up, not sorted out."""
    assert steps_to_note(empty, 4000) < 2 * steps_to_note(empty, 400)


_STATEMENTS = st.lists(
    st.tuples(
        st.sampled_from((OUT, IN, NOTHING)),
        st.one_of(st.none(), st.integers(0, 3)),
        st.sampled_from((PROFILE, "account")),
        st.sampled_from((ConsentSource.MESSAGE, ConsentSource.LIST)),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=15)
@given(drawn=_STATEMENTS, data=st.data())
def test_every_order_and_any_repeats_give_one_answer(
    empty: Connection, drawn: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    """All permutations, each with repeats that were received at other times."""
    events = [
        said(n, consent, minute, scope=scope, source=source, received_at=NOW + timedelta(minutes=later))
        for n, (consent, minute, scope, source, later) in enumerate(drawn)
    ]
    repeats = [
        replace(each, received_at=each.received_at + timedelta(minutes=data.draw(st.integers(0, 3))))
        for each in data.draw(st.lists(st.sampled_from(events), max_size=4 - len(events)))
    ]
    wanted = merged(empty, [*events, *repeats])
    for order in itertools.permutations([*events, *repeats]):
        assert merged(empty, order) == wanted


@given(_STATEMENTS, st.sampled_from((None, PROFILE, "account", "profile:two")))
def test_an_opt_out_that_counts_for_our_scope_is_always_heard(drawn: list[tuple[Any, ...]], scope: str | None) -> None:
    """There is no permission beside an opt-out of our scope, of the account, or of any where ours is not known."""
    found = [
        statement_of(said(n, consent, minute, scope=where)) for n, (consent, minute, where, *_) in enumerate(drawn)
    ]
    heard = {each.scope for each in found if each.consent == OUT}
    blocked = bool(heard & {scope, "account"}) or (scope in {None, "account"} and bool(heard))
    assert permission(found, scope).allowed is not blocked


@pytest.mark.parametrize(
    ("given_as", "wanted"),
    [
        ("+1 (555) 000-0002", "+15550000002"),
        ("15550000002", "+15550000002"),
        ("4512345678", "+4512345678"),
        ("12345", "12345"),
        ("0412345678", "0412345678"),
        ("SHOP", "SHOP"),
        (" user.42 ", "user.42"),
        ("++15550000002", "++15550000002"),
    ],
)
def test_what_may_be_a_number_gets_its_plus(given_as: str, wanted: str) -> None:
    """Short codes, national numbers and names stay as they are."""
    assert canonical(given_as) == wanted


def test_a_plus_sign_is_not_the_empty_number() -> None:
    """Nobody's number is that of whoever was not named."""
    assert spellings("+") == ("+",)


@given(st.text(max_size=20))
def test_one_spelling_stays_and_is_among_all(text: str) -> None:
    """To spell it twice changes nothing, whatever the text."""
    assert canonical(canonical(text)) == canonical(text)
    assert canonical(text) in spellings(text)


def test_the_moment_of_a_statement_is_the_providers_where_it_tells_one() -> None:
    """Else it is when we heard of it."""
    assert statement_of(said(1, minute=3)).moment_ms == to_millis(NOW + timedelta(minutes=3))
    assert statement_of(said(1, minute=None)).moment_ms == to_millis(NOW + timedelta(hours=1))


@pytest.mark.parametrize("scope", [PROFILE, "account"])
async def test_a_message_knows_the_scope_of_the_number_that_it_came_to(book: ConsentBook, scope: str) -> None:
    """Our number moved to another profile, and the book has not read a message from there yet."""
    await book.note_scope("main", MAIN, "profile:two", 1)
    assert (await book.may_text("main", PERSON, MAIN, said(1, OUT, scope=scope))).allowed is False


async def test_an_opt_out_of_the_scope_before_does_not_hold_in_the_scope_of_the_message(book: ConsentBook) -> None:
    """Without a scope of its own the message says nothing of where the number is: what the book knows counts."""
    await note(book, said(1, OUT))
    await book.note_scope("main", MAIN, PROFILE, 1)
    assert (await book.may_text("main", PERSON, MAIN, said(2, IN, 1, scope="profile:two"))).allowed
    assert not (await book.may_text("main", PERSON, MAIN, said(2, IN, 1, scope="account"))).allowed
