"""Lines of `hookline tail`: their shape, and back again."""

import base64

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookline.record_lines import NotALineError, line_of, record_of
from hookline.tailing import Start, parse_start
from schemas.records import StoredRecord
from schemas.times import EPOCH, to_millis


def stored(topic: str, value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> StoredRecord:
    """Return a record at some place."""
    return StoredRecord(topic, 3, 41, 1_767_225_600_123, b"main|a", value, headers)


def test_a_line_has_the_members_that_scripts_lean_on() -> None:
    """The exact names and kinds, in one object."""
    line = line_of(stored("messaging.inbound.v1", b'{"a": 1.10}', (("ce_id", b"x"),)))
    assert orjson.loads(line) == {
        "topic": "messaging.inbound.v1",
        "partition": 3,
        "offset": 41,
        "timestamp": "2026-01-01T00:00:00.123Z",
        "key": "main|a",
        "headers": {"ce_id": "x"},
        "value": {"a": 1.1},
    }


def test_json_keeps_every_digit() -> None:
    """A number is printed as its writer wrote it."""
    assert b'{"a": 1.10, "b": 123456789012345678901234567890}' in line_of(
        stored("t", b'{"a": 1.10, "b": 123456789012345678901234567890}')
    )


def test_json_over_several_lines_is_printed_on_one() -> None:
    """One object a line, and still every digit of a body that its sender wrote over several."""
    line = line_of(stored("t", b'{\r\n"a": 1.10\n}'))
    assert line.count(b"\n") == 1
    assert b'{  "a": 1.10 }' in line


def test_the_raw_topic_is_always_base64() -> None:
    """Also where the body is JSON: its bytes are what a signature is over."""
    fields = orjson.loads(line_of(stored("messaging.webhooks.v1", b"{}")))
    assert (fields["value_base64"], "value" in fields) == ("e30=", False)


def test_what_is_no_json_is_base64() -> None:
    """Nothing is lost by printing."""
    fields = orjson.loads(line_of(stored("t", b"\xff\x00")))
    assert base64.b64decode(fields["value_base64"]) == b"\xff\x00"


def test_a_tombstone_has_a_value_of_null() -> None:
    """A deletion is shown as such."""
    assert orjson.loads(line_of(stored("t", None)))["value"] is None


def test_repeated_headers_are_joined() -> None:
    """As HTTP joins repeated fields."""
    fields = orjson.loads(line_of(stored("t", b"{}", (("http_x", b"1"), ("http_x", b"2")))))
    assert fields["headers"] == {"http_x": "1, 2"}


headers = st.lists(st.tuples(st.text("abc_", max_size=3), st.binary(max_size=4)), max_size=3).map(tuple)


@settings(deadline=None)
@given(
    st.builds(
        StoredRecord,
        st.sampled_from(["t", "messaging.webhooks.v1"]),
        st.integers(0, 99),
        st.integers(0, 2**62),
        st.integers(-(2**62), 2**62),
        st.none() | st.binary(max_size=5),
        st.none() | st.binary(max_size=20) | st.sampled_from([b"1", b'"x"', b"nan"]),
        headers,
    )
)
def test_any_record_is_one_line_of_json(record: StoredRecord) -> None:
    """Whatever bytes a record holds, the line parses."""
    line = line_of(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert orjson.loads(line)["offset"] == record.offset


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_the_raw_topic_comes_back_byte_for_byte(body: bytes) -> None:
    """What was printed can be judged again."""
    record = stored("messaging.webhooks.v1", body, (("http_method", b"POST"),))
    assert record_of(line_of(record)) == record


@settings(deadline=None)
@given(st.binary(max_size=60) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(repr).map(str.encode))
def test_a_foreign_line_is_refused(line: bytes) -> None:
    """Nothing but NotALineError comes out of a line that is none."""
    with pytest.raises(NotALineError):
        record_of(line)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("earliest", Start.earliest()),
        ("latest", Start.latest()),
        ("-15m", Start(timestamp=100_000)),
        ("-90s", Start(timestamp=910_000)),
        ("1970-01-01T00:16:40Z", Start(timestamp=1_000_000)),
    ],
)
def test_every_way_to_say_where_to_start(text: str, start: Start) -> None:
    """Words, a time, or how long ago, at a clock that shows 1000 s."""
    assert parse_start(text, lambda: 1000.0) == start


@settings(deadline=None)
@given(st.text(max_size=12))
def test_any_other_start_is_refused_with_what_may_be_written(text: str) -> None:
    """Nothing but ValueError."""
    with pytest.raises(ValueError, match="-15m"):
        parse_start(f"x{text}", lambda: 1000.0)


def test_the_epoch_is_zero() -> None:
    """The times above count from 1970."""
    assert to_millis(EPOCH) == 0
