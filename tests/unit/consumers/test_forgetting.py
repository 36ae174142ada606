"""Forgetting a person: rows on both databases, keys on compacted topics."""

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, create_engine, insert, select, text

from consumers.consent.book import ConsentBook
from consumers.consent.statement import statement_of
from consumers.forgetting import rows
from consumers.forgetting.keys import PARTS, keys_of
from consumers.forgetting.person import InState, Person, tombstones
from consumers.forgetting.rows import forget, look
from consumers.state import schema
from consumers.state.database import Database
from schemas.envelope import event_to_record
from schemas.events import ConsentChanged, StateChanged
from schemas.records import Record
from schemas.topics import CATALOGUE, CONSENT, STATES, partition_key
from schemas.vocabulary import Consent
from tests.support.consumed_log import MemoryLog
from tests.support.consumers import NOW, PERSON

T = NOW.timestamp()
OTHER = "+15550000003"
OUT, IN = Consent.OPTED_OUT, Consent.OPTED_IN
NOTHING = InState(rows={})


def said(ordinal: int, word: str = OUT, **fields: Any) -> ConsentChanged:
    """Return a statement about PERSON."""
    given: dict[str, Any] = {
        "id": f"statement-{ordinal}",
        "provider": "telnyx",
        "account": "main",
        "received_at": NOW + timedelta(minutes=ordinal),
        "scope": "account",
        "number": PERSON,
        "consent": word,
    }
    return ConsentChanged(**given | fields)


def filled(table: Table, **values: Any) -> dict[str, Any]:
    """Return a whole row; what is not given is whatever its type takes."""
    blanks: dict[type, Any] = {str: "", int: 0, float: 0.0, bytes: b"", bool: False}
    return {column.name: blanks[column.type.python_type] for column in table.columns} | values


async def put(database: Database, table: Table, *rows: dict[str, Any]) -> None:
    """Put rows into a table."""
    await database.run(lambda connection: connection.execute(insert(table), [filled(table, **row) for row in rows]))


def everything(connection: Connection) -> str:
    """Return all that the state holds, as a text to search."""
    return repr([list(connection.execute(select(table))) for table in schema.metadata.sorted_tables])


@pytest.fixture
async def full(database: Database) -> Database:
    """Return a state with two persons in every table, the first of them in both spellings."""
    book = ConsentBook(database)
    for event in (said(1), said(2, IN, scope="profile:one"), said(3, number=OTHER), said(4, IN, account="second")):
        await book.note(event)
    bare = PERSON.removeprefix("+")
    rows = [
        {"account": "main", "message_id": "mine", "recipient": PERSON},
        {"account": "main", "message_id": "mine", "recipient": ""},
        {"account": "main", "message_id": "shared", "recipient": bare},
        {"account": "main", "message_id": "shared", "recipient": OTHER},
        {"account": "main", "message_id": "shared", "recipient": ""},
    ]
    await put(database, schema.messages, *rows)
    await put(database, schema.message_events, *({**row, "event_id": f"e{n}"} for n, row in enumerate(rows)))
    theirs = [{"account": "main", "command_id": f"c{n}", "theirs": who} for n, who in enumerate((PERSON, OTHER))]
    await put(database, schema.replies, *theirs)
    old, new = T - 9 * 86_400, T - 60
    commands = [("old", PERSON, old), ("new", PERSON, new), ("other", OTHER, old), ("done", None, new)]
    claims = [{"account": "main", "command_id": name, "number": who, "claimed_at": at} for name, who, at in commands]
    await put(database, schema.commands, *claims)
    return database


async def test_every_row_of_the_person_goes_and_no_other(full: Database) -> None:
    """In both spellings, in every table; a shared message stays for the other recipient."""
    person = Person(PERSON)
    found = await full.run(lambda connection: look(connection, person, T))
    gone = await full.run(lambda connection: forget(connection, person, T))
    assert dict(gone) == dict(found.rows)
    assert gone == {
        "consent_history": 3,
        "consents": 3,
        "messages": 3,
        "message_events": 3,
        "replies": 1,
        "commands": 1,
    }
    left = await full.run(everything)
    assert "mine" not in left
    assert left.count(OTHER) == 6


async def test_a_command_that_may_come_again_is_not_forgotten(full: Database) -> None:
    """Else it could be sent twice; it is told instead."""
    found = await full.run(lambda connection: look(connection, Person(PERSON), T))
    assert found.under_way == 1
    await full.run(lambda connection: forget(connection, Person(PERSON), T))
    assert (await full.run(everything)).count(PERSON) == 1
    later = T + 9 * 86_400
    assert (await full.run(lambda connection: forget(connection, Person(PERSON), later)))["commands"] == 1
    assert PERSON.removeprefix("+") not in await full.run(everything)


async def test_open_commands_that_name_nobody_are_counted(full: Database) -> None:
    """They may be the person's: an earlier version noted no recipient, and the body of these cannot be read."""
    rows = [("open", b"\xff", None), ("noted", b"", None), ("over", b"x", b"{}")]
    claims = [{"account": "main", "command_id": name, "body": body, "result": end} for name, body, end in rows]
    await put(full, schema.commands, *({**each, "number": None, "claimed_at": T} for each in claims))
    found = await full.run(lambda connection: look(connection, Person(PERSON), T))
    elsewhere = await full.run(lambda connection: look(connection, Person(PERSON, "second"), T))
    assert (found.unnamed, elsewhere.unnamed) == (1, 0)


async def test_an_opt_out_is_kept_where_that_is_wanted(full: Database) -> None:
    """With the statement that made it, so that the book still answers; opt-ins go."""
    person = Person(PERSON, keeps_opt_out=True)
    await full.run(lambda connection: forget(connection, person, T))
    book = ConsentBook(full)
    assert not (await book.may_text("main", PERSON, None)).allowed
    assert [each.event_id for each in await book.history(PERSON)] == ["statement-1"]


async def test_one_account_is_forgotten_alone(full: Database) -> None:
    """The person stays known to the other."""
    await full.run(lambda connection: forget(connection, Person(PERSON, "main"), T))
    assert [each.account for each in await ConsentBook(full).history(PERSON)] == ["second"]


async def test_a_statement_waits_for_an_erase_and_counts_then(state_url: str) -> None:
    """One that came into the middle could lose the row that says that it counts."""
    erasing, noting = Database(state_url), Database(state_url)
    await erasing.open()
    await noting.open()
    await ConsentBook(erasing).note(said(0, IN))
    begun, go = threading.Event(), threading.Event()

    def slowly(connection: Connection) -> None:
        forget(connection, Person(PERSON), T)
        begun.set()
        go.wait(10)

    erase = asyncio.create_task(erasing.run(slowly))
    await asyncio.to_thread(begun.wait, 10)
    note = asyncio.create_task(ConsentBook(noting).note(said(1)))
    asyncio.get_running_loop().call_later(0.3, go.set)
    await asyncio.gather(erase, note)
    assert not (await ConsentBook(noting).may_text("main", PERSON, None)).allowed
    await erasing.close()
    await noting.close()


@pytest.mark.parametrize("keeping", [True, False])
def test_no_table_is_walked_through_for_a_person(keeping: bool) -> None:
    """They are large, and other consumers wait while one is walked through."""
    engine = create_engine("sqlite://")
    schema.metadata.create_all(engine)
    wheres = rows._wheres(Person(PERSON, keeps_opt_out=keeping), T)
    with engine.connect() as connection:
        for table, where in wheres.items():
            plan = str(select(table).where(where).compile(engine, compile_kwargs={"literal_binds": True}))
            found = [row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {plan}"))]
            assert found
            assert not [each for each in found if each.startswith("SCAN")], table.name
    engine.dispose()


async def test_to_forget_twice_finds_nothing(full: Database) -> None:
    """It may be repeated."""
    await full.run(lambda connection: forget(connection, Person(PERSON), T))
    again = await full.run(lambda connection: forget(connection, Person(PERSON), T))
    assert set(again.values()) == {0}


def topics() -> MemoryLog:
    """Return a log with statements and states of two persons."""
    log = MemoryLog(3)
    bare = PERSON.removeprefix("+")
    for event in (said(1), said(2, scope="profile:one", number=bare), said(3, number=OTHER), said(4, account="second")):
        log.put(event_to_record(event))
    for message, to in (("m1", PERSON), ("m2", OTHER), ("m3", None)):
        state = StateChanged(
            id=message, provider="telnyx", account="main", message_id=message, received_at=NOW, status="sent", to=to
        )
        log.put(event_to_record(state))
    return log


async def test_keys_are_found_without_any_table() -> None:
    """A state that was lost leaves the topics as they are."""
    consent, states = (await keys_of(topics(), Person(PERSON), NOTHING)).found
    assert consent.keys == {
        f"main|account|{PERSON}".encode(),
        f"main|profile:one|{PERSON.removeprefix('+')}".encode(),
        f"second|account|{PERSON}".encode(),
    }
    assert states.keys == {f"main|m1|{PERSON}".encode()}


async def test_a_state_that_names_no_recipient_goes_with_its_message() -> None:
    """The table knows whose the message was."""
    known = InState(rows={}, messages=frozenset({("main", "m3")}))
    _, states = (await keys_of(topics(), Person(PERSON), known)).found
    assert b"main|m3|" in states.keys


async def test_tombstones_are_written_once() -> None:
    """A second look finds keys whose last record is a tombstone already."""
    log = topics()
    found = await keys_of(log, Person(PERSON, "main"), NOTHING)
    records = tombstones(found.found, 7)
    assert {(each.topic, each.value, each.timestamp) for each in records} == {
        (CONSENT.name, None, 7),
        (STATES.name, None, 7),
    }
    for record in records:
        log.put(record)
    assert tombstones((await keys_of(log, Person(PERSON, "main"), NOTHING)).found, 7) == ()
    log.put(event_to_record(said(9)))
    assert len(tombstones((await keys_of(log, Person(PERSON, "main"), NOTHING)).found, 7)) == 1


async def test_an_opt_out_that_is_kept_gets_no_tombstone() -> None:
    """The topic keeps saying what the table says; what is no opt-out goes."""
    log = topics()
    log.put(event_to_record(said(5, IN, scope="profile:two")))
    kept = InState(rows={}, opt_outs=frozenset({f"main|account|{PERSON}".encode()}))
    consent, _ = (await keys_of(log, Person(PERSON, "main", keeps_opt_out=True), kept)).found
    assert consent.keys == {f"main|profile:two|{PERSON}".encode()}


async def test_an_opt_out_that_the_state_does_not_know_is_kept_too() -> None:
    """The state was lost, or its consumer has not come so far; the number may be spelt without its plus sign."""
    found = await keys_of(topics(), Person(PERSON, keeps_opt_out=True), NOTHING)
    assert found.found[0].keys == frozenset()
    assert found.opt_outs == {
        f"{each}|{PERSON}".encode() for each in ("main|account", "main|profile:one", "second|account")
    }
    assert (await keys_of(topics(), Person(PERSON), NOTHING)).opt_outs == found.opt_outs


@pytest.mark.parametrize("last", [said(1, IN), said(1, IN, received_at=NOW + timedelta(hours=1))])
async def test_what_counts_is_kept_and_not_what_stands_last(last: ConsentChanged) -> None:
    """A start that came late, or once more, undoes no stop."""
    log = MemoryLog()
    for event in (said(1, IN), said(2, OUT), last):
        log.put(event_to_record(event))
    assert (await keys_of(log, Person(PERSON, keeps_opt_out=True), NOTHING)).found[0].keys == frozenset()


async def test_an_opt_out_of_an_earlier_erasure_stays_forgotten() -> None:
    """Its tombstone was meant; that of a record nobody can read loses nothing."""
    log = MemoryLog()
    log.put(event_to_record(said(1, OUT)))
    log.put(Record(CONSENT.name, f"main|account|{PERSON}".encode(), None, (), 0))
    log.put(replace(event_to_record(said(2, OUT)), value=b"{"))
    found = await keys_of(log, Person(PERSON, keeps_opt_out=True), NOTHING)
    assert (found.opt_outs, len(found.found[0].keys)) == (frozenset(), 1)


async def test_an_opt_out_that_this_erasure_has_overtaken_is_lost() -> None:
    """It came after the look and before the tombstone: the topic told it, and has it no more."""
    log = MemoryLog()
    log.put(event_to_record(said(1, IN)))
    person = Person(PERSON, keeps_opt_out=True)
    before = await keys_of(log, person, NOTHING)
    log.put(event_to_record(said(2, OUT)))
    for record in tombstones(before.found, 7):
        log.put(record)
    found = await keys_of(log, person, NOTHING, before.ends)
    assert found.lost == {f"main|account|{PERSON}".encode(): statement_of(said(2, OUT))}
    assert (await keys_of(log, person, NOTHING)).lost == {}


def test_every_compacted_topic_is_looked_through() -> None:
    """What compaction keeps for ever must be forgotten by a tombstone."""
    assert {topic for topic in CATALOGUE if topic.compacted} == set(PARTS)


def test_the_keys_have_the_parts_that_are_searched() -> None:
    """Account first, number last."""
    state = StateChanged(
        id="s", provider="p", account="main", message_id="m", received_at=NOW, status="sent", to=PERSON
    )
    for topic, event in ((CONSENT, said(1)), (STATES, state)):
        parts = partition_key(event).split(b"|")
        assert (len(parts), parts[0], parts[-1]) == (PARTS[topic], b"main", PERSON.encode())


@given(st.text(max_size=12), st.sampled_from(("main", "other")))
def test_nobody_else_is_taken(middle: str, account: str) -> None:
    """A number that ends like another is not that other."""
    mine, other = f"{account}|{middle}|{PERSON}", f"{account}|{middle}|9{PERSON}"
    assert Person(PERSON, "main").owns(mine.encode("utf-8", "replace"), 3) is (account == "main")
    assert not Person(PERSON).owns(other.encode("utf-8", "replace"), 3)
