"""Dead letters as values: what they tell, which are meant, and what a redrive or a marker writes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.dead_letters.choice import EVERYTHING, Choice
from consumers.dead_letters.letters import (
    OTHER,
    RESOLVED,
    Dealt,
    Letter,
    Resolution,
    is_marker,
    marked,
    marker,
    redriven,
)
from consumers.dead_letters.places import Place, box_of, boxes_of, parse_place
from consumers.loop.deadletter import Cause, dead_letter
from consumers.loop.origin import DLQ_REASON, DLQ_TIME, OURS, Origin, origin_of
from schemas.records import Headers, Record, StoredRecord
from schemas.topics import CATALOGUE, INBOUND, dead_letter_topic, retry_topic
from tests.support.dead_letters import DIED_AT, GROUP, LETTERS, letter

texts = st.text(max_size=30)
headers = st.lists(
    st.tuples(st.sampled_from([DLQ_REASON, DLQ_TIME, "ce_type", "ce_dlqoffset"]), st.binary(max_size=30))
)


def stored(record: Record, offset: int = 7, partition: int = 3) -> StoredRecord:
    """Return the record as the log gives it back."""
    return StoredRecord(record.topic, partition, offset, record.timestamp, record.key, record.value, record.headers)


def read(record: Record, offset: int = 7) -> Letter:
    """Return the letter that a record is."""
    box = box_of(record.topic)
    assert box is not None
    return Letter(stored(record, offset), box)


@pytest.mark.parametrize("group", ["send", "team.with.dots", "dlq", "v1"])
def test_the_name_of_a_topic_tells_whose_letters_it_holds(group: str) -> None:
    """Also where a group's name has dots."""
    for origin in CATALOGUE:
        box = box_of(dead_letter_topic(origin, group).name)
        assert box is not None
        assert (box.origin, box.group) == (origin, group)


@pytest.mark.parametrize("name", ["", ".dlq", INBOUND.name, f"{INBOUND.name}.dlq", f"{INBOUND.name}..dlq", "x.y.dlq"])
def test_other_topics_hold_no_letters(name: str) -> None:
    """Neither topics of the contract nor those of strangers."""
    assert box_of(name) is None


@given(st.sampled_from([LETTERS]), st.integers(0, 10**17), st.integers(0, 10**17))
def test_a_place_is_read_as_it_is_printed(topic: str, partition: int, offset: int) -> None:
    """What `list` prints is what `show` takes."""
    place = Place(topic, partition, offset)
    assert parse_place(str(place)) == place


@given(st.text(max_size=60))
def test_what_is_no_place_is_refused_with_words(text: str) -> None:
    """Any text, none of which is a place."""
    with pytest.raises(ValueError, match=r"place|dead-letter topic"):
        parse_place(text)


def test_groups_of_others_may_have_letters_of_every_topic() -> None:
    """Of our own it is known which they read."""
    assert {box.origin for box in boxes_of(["theirs"])} == set(CATALOGUE)
    assert {box.group for box in boxes_of(["theirs", "theirs"])} == {"theirs"}
    assert all(box.group != "theirs" for box in boxes_of(()))


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("handler_failed: ValueError: +15550000002 wrote", "handler_failed"),
        ("refused_404", "refused_404"),
        ("rejected: refused_404", "rejected:refused_404"),
        ("rejected: the number +15550000002 is odd", "rejected"),
        ("handler_failed: Anna", "handler_failed"),
        ("Anna wrote that", OTHER),
        ("+15550000002: stop", OTHER),
        ("15550000002", OTHER),
        ("", OTHER),
    ],
)
def test_the_word_of_a_reason_quotes_nobody(reason: str, word: str) -> None:
    """A sentence of somebody else's may begin with a name or a number."""
    assert read(letter(reason=reason)).reason == word


@pytest.mark.parametrize("word", ["rejected", "refused_404", "rejected:refused_404"])
def test_a_rejected_letter_is_asked_for_by_either_word(word: str) -> None:
    """That of the loop, that of the handler, or both."""
    assert Choice(reasons=frozenset({word})).takes(read(letter(reason="rejected: refused_404")))


def test_a_letter_tells_where_it_came_from() -> None:
    """Place, origin, time, tries."""
    found = read(letter(5))
    assert (found.place, found.origin) == (Place(LETTERS, 3, 7), Origin(INBOUND.name, 3, 5))
    assert (found.died_at, found.attempts, found.event_id, found.account) == (DIED_AT, 2, "event-5", "main")


def test_a_letter_without_a_time_of_its_own_has_that_of_its_event() -> None:
    """As dead letters of earlier versions are."""
    record = letter(died_at=5)
    bare = replace(record, headers=tuple(pair for pair in record.headers if pair[0] != DLQ_TIME))
    assert read(bare).died_at == record.timestamp


@given(headers, st.none() | st.binary(max_size=5))
def test_no_header_breaks_the_reading(pairs: Headers, value: bytes | None) -> None:
    """Whatever others write into a dead-letter topic."""
    record = StoredRecord(LETTERS, 0, 9, 5, None, value, tuple(pairs))
    box = box_of(LETTERS)
    assert box is not None
    found = Letter(record, box)
    assert found.reason
    assert found.died_at >= -62_135_596_800_000
    assert EVERYTHING.takes(found)
    told = marked(record)
    assert told is None or (is_marker(record) and told[0] < 9)


def test_a_redriven_letter_is_the_event_as_it_was_for_this_group_alone() -> None:
    """In the group's retry topic, due at once, with no word of the dead letter left."""
    found = read(letter(5))
    record = redriven(found, 99)
    assert record.topic == retry_topic(INBOUND, GROUP).name
    assert (record.key, record.value) == (found.record.key, found.record.value)
    assert (record.header("ce_retryattempt"), record.header("ce_retrydue")) == (b"0", b"99")
    assert not {name for name, _ in record.headers if name.startswith("ce_dlq")}
    own = {name for name, _ in record.headers} - OURS
    assert own == {name for name, _ in found.record.headers} - OURS
    assert origin_of(stored(record)) == found.origin


def test_a_redriven_letter_is_as_young_as_its_redrive() -> None:
    """The retry topic is kept for seven days, a letter for thirty: else retention could take it before it is read."""
    found = read(letter(5))
    assert redriven(found, DIED_AT + 999).timestamp == DIED_AT + 999


@pytest.mark.parametrize("how", Resolution)
def test_a_marker_stands_in_the_partition_of_its_letter_and_says_what_was_done(how: Resolution) -> None:
    """Read back it names the letter."""
    record = marker(read(letter(5)), how, DIED_AT + 5)
    assert (record.topic, record.partition, record.value) == (LETTERS, 3, None)
    assert record.key == letter(5).key
    assert marked(stored(record, offset=8)) == (7, Dealt(how, DIED_AT + 5))


def test_a_marker_about_what_stands_behind_it_says_nothing() -> None:
    """Nobody deals with a letter that is yet to come."""
    record = marker(read(letter(5), offset=7), Resolution.DISCARDED, 5)
    assert marked(stored(record, offset=7)) is None


@given(headers, st.none() | st.binary(max_size=5))
def test_no_event_of_a_stranger_becomes_a_marker(pairs: Headers, value: bytes | None) -> None:
    """Its dead letter is a letter: on the list, and no word about another one."""
    forged = StoredRecord(INBOUND.name, 3, 9, 5, None, value, (("ce_type", RESOLVED.encode()), *pairs))
    found = dead_letter(forged, dead_letter_topic(INBOUND, GROUP), Cause("undecodable", "", 0), now=DIED_AT)
    assert not is_marker(stored(found))
    assert marked(stored(replace(found, headers=(*found.headers, ("ce_dlqoffset", b"0"))))) is None


def test_a_tombstone_that_could_not_be_processed_is_a_letter() -> None:
    """Only its type makes a marker of a record without a value."""
    assert not is_marker(stored(replace(letter(), value=None)))


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        (Choice(reasons=frozenset({"handler_failed"})), True),
        (Choice(reasons=frozenset({"undecodable"})), False),
        (Choice(types=frozenset({"messaging.message.received"})), True),
        (Choice(types=frozenset({"messaging.link.clicked"})), False),
        (Choice(topics=frozenset({INBOUND.name})), True),
        (Choice(topics=frozenset({"messaging.clicks.v1"})), False),
        (Choice(accounts=frozenset({"main", "other"})), True),
        (Choice(accounts=frozenset({"other"})), False),
        (Choice(since=DIED_AT), True),
        (Choice(since=DIED_AT + 1), False),
        (Choice(until=DIED_AT), False),
        (Choice(until=DIED_AT + 1), True),
        (Choice(reasons=frozenset({"handler_failed"}), accounts=frozenset({"other"})), False),
    ],
)
def test_a_choice_takes_what_fits_every_filter(choice: Choice, *, taken: bool) -> None:
    """The first moment is included, the last is not."""
    assert choice.is_narrow
    assert choice.takes(read(letter())) is taken
