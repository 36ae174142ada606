"""The pure parts of the consume loop: keys that wait, the flood gate, headers, the digest of a traceback."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.loop.deadletter import Cause, dead_letter, traceback_digest
from consumers.loop.flood import FloodError, FloodGate
from consumers.loop.origin import Origin, attempt_of, due_of, origin_of, origin_time, since_of
from consumers.loop.parked import Parked
from consumers.loop.retries import retry_record
from consumers.loop.settings import FloodSettings
from schemas.envelope import event_to_record
from schemas.records import Headers, Record, StoredRecord
from schemas.topics import INBOUND, Topic, dead_letter_topic, retry_topic
from tests.support.consumers import inbound

OFF = FloodSettings(count=0, run=0, ratio=1.0)
RETRY, DEAD = retry_topic(INBOUND, "group"), dead_letter_topic(INBOUND, "group")


def stored(record: Record, offset: int = 7, partition: int = 3) -> StoredRecord:
    """Return the record as a log gives it back."""
    place = (record.topic, record.partition if record.partition is not None else partition, offset)
    return StoredRecord(*place, record.timestamp, record.key, record.value, record.headers)


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b"]), st.booleans()), max_size=30))
def test_a_key_waits_until_its_last_record_is_done(steps: list[tuple[bytes, bool]]) -> None:
    """As a queue for each key would tell, of which the parked keys keep the last offset alone."""
    parked, queues = Parked(), {b"a": list[int](), b"b": list[int]()}
    for offset, (key, adds) in enumerate(steps):
        if adds:
            parked.add(key, offset)
            queues[key].append(offset)
        elif queues[key]:
            parked.done(key, queues[key].pop(0))
        assert [parked.holds(each) for each in queues] == [bool(queue) for queue in queues.values()]


def test_a_record_without_a_key_waits_behind_nothing() -> None:
    """None is no key."""
    parked = Parked()
    parked.add(None, 1)
    assert not parked.holds(None)


def test_without_order_nothing_is_kept_of_what_waits() -> None:
    """There may be a million keys of it."""
    parked = Parked(keys=False)
    parked.add(b"a", 1)
    assert not parked.holds(b"a")


@pytest.mark.parametrize(("offset", "both"), [(7, False), (8, True)])
def test_only_what_is_read_again_stands_in_both(offset: int, *, both: bool) -> None:
    """Behind the commit nothing is read again, so nothing of it is remembered."""
    parked, record = Parked(), stored(event_to_record(inbound(0)), offset)
    parked.learn(stored(retry_record(record, RETRY, attempt=1, due=0, reason="r"), 0), Origin(INBOUND.name, 3, 8))
    assert parked.stands_in_both(record) is both
    assert not parked.stands_in_both(replace(record, key=b"other"))


def test_the_first_origin_goes_through_retries_into_the_letter() -> None:
    """However often it was put off, the letter names the first place and time, and its headers stand once."""
    record = stored(event_to_record(inbound(0)))
    first = stored(retry_record(record, RETRY, attempt=1, due=50, reason="no", now=20), 90)
    second = stored(retry_record(first, RETRY, attempt=2, due=60, reason="no", now=30), 91)
    assert (attempt_of(second), due_of(second), second.timestamp) == (2, 60, 30)
    assert (since_of(record), since_of(first), since_of(second)) == (None, 20, 20)
    letter = stored(dead_letter(second, DEAD, Cause("no", "abc", 9), now=40))
    assert origin_of(letter) == Origin(INBOUND.name, 3, 7)
    assert origin_time(letter) == record.timestamp
    assert since_of(letter) is None
    names = [name for name, _ in letter.headers]
    assert len(names) == len(set(names))
    assert (letter.partition, letter.key, letter.value) == (3, record.key, record.value)


@given(st.binary(max_size=30))
def test_foreign_numbers_in_our_headers_count_as_none(text: bytes) -> None:
    """Whatever stands there, it is a number of a log or nothing."""
    headers: Headers = (("ce_retryattempt", text), ("ce_retrydue", text))
    record = replace(stored(event_to_record(inbound(0))), headers=headers)
    assert 0 <= attempt_of(record) < 10**18
    assert 0 <= due_of(record) < 10**18


def raised(value: str) -> ValueError:
    """Return an error with a traceback of here."""
    try:
        int(f"not a number: {value}")
    except ValueError as error:
        return error
    raise AssertionError


def raised_elsewhere() -> ValueError:
    """Return an error with another traceback."""
    try:
        float("no number")
    except ValueError as error:
        return error
    raise AssertionError


def test_the_digest_tells_places_and_not_values() -> None:
    """Two failures at one place have one digest, whatever they say; another place has another."""
    assert traceback_digest(raised("+15550000001")) == traceback_digest(raised("+15550000002"))
    assert traceback_digest(raised("x")) != traceback_digest(raised_elsewhere())
    assert len(traceback_digest(raised("x"))) == 16


def test_the_gate_lets_a_count_pass_in_its_time() -> None:
    """The next one within the time is one too many; later it would not be, and a closed gate stays closed."""
    gate = FloodGate(replace(OFF, count=2, seconds=10.0))
    gate.failure(0.0)
    gate.failure(5.0)
    gate.failure(10.0)
    with pytest.raises(FloodError, match="more than 2 records failed within 10 s"):
        gate.failure(14.0)
    with pytest.raises(FloodError):
        gate.failure(99.0)


def test_a_success_ends_a_run() -> None:
    """Only failures without one between them are a run."""
    gate = FloodGate(replace(OFF, run=2))
    for now in range(3):
        gate.failure(now)
        gate.success()
    gate.failure(3)
    gate.failure(4)
    with pytest.raises(FloodError, match="in a row"):
        gate.failure(5)


def test_the_ratio_looks_at_a_full_window() -> None:
    """Of the last ten records half may fail; before there are ten nothing is said."""
    gate = FloodGate(replace(OFF, ratio=0.5, records=10))
    for now in range(5):
        gate.failure(now)
    for _ in range(5):
        gate.success()
    gate.failure(10)  # the oldest failure leaves the window as this one comes
    with pytest.raises(FloodError, match=r"more than 50% of the last 10"):
        fail_often(gate, 20)


def fail_often(gate: FloodGate, times: int) -> None:
    """Let so many fail in a row."""
    for now in range(times):
        gate.failure(now)


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 10))
def test_the_ratio_counts_as_a_window_does(failed: list[bool], percent: int) -> None:
    """A failure passes exactly while no more than its share of the window would have failed with it."""
    gate = FloodGate(replace(OFF, ratio=percent / 10, records=10))
    window: list[bool] = []
    for now, fails in enumerate(failed):
        if not fails:
            gate.success()
        elif percent < 10 and len(window) >= 10 and sum(window[-9:]) + 1 > percent:
            with pytest.raises(FloodError):
                gate.failure(now)
            return
        else:
            gate.failure(now)
        window.append(fails)


@pytest.mark.parametrize("topic", [RETRY, DEAD], ids=lambda topic: topic.name)
def test_a_topic_of_the_group_takes_whatever_its_origin_took(topic: Topic) -> None:
    """The headers that are added have room, and the key lands in the same partition."""
    assert topic.max_message_bytes >= INBOUND.max_message_bytes + 60_000
    assert topic.partitions == INBOUND.partitions
