"""Frames and payloads: exact round trips, and damage that costs one record only."""

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.spool.codec import NotAPayloadError, decode_webhook, encode_webhook
from ingest.spool.frame import HEADER, MAGIC, Bad, Found, Scan, Scanner, encode, seal_of
from schemas.webhook import Webhook
from tests.support.spooling import RECEIVED, webhook

SEAL = seal_of("w-0123456789abcdef", 7)
RAW = st.binary(max_size=30).map(lambda data: data.decode("utf-8", "surrogateescape"))
WEBHOOKS = st.builds(
    Webhook,
    provider=st.just("telnyx"),
    account=st.sampled_from(["main", "größe"]),
    tenant=st.none() | RAW,
    method=RAW,
    target=RAW,
    headers=st.lists(st.tuples(RAW, RAW), max_size=6).map(tuple),
    body=st.binary(max_size=200),
    received_at=st.integers(-(10**11), 10**12).map(lambda millis: RECEIVED + timedelta(milliseconds=millis)),
    peer=st.none() | RAW,
    verified_key=st.none() | RAW,
    ingress=RAW,
    traceparent=st.none() | RAW,
)
PAYLOADS = st.lists(st.binary(max_size=80) | st.just(MAGIC * 20), min_size=1, max_size=5)


def segment(payloads: list[bytes]) -> tuple[bytes, list[int]]:
    """Return the bytes of a segment, and where its frames end."""
    data = b""
    ends: list[int] = []
    for number, payload in enumerate(payloads):
        data += encode(payload, f"{number:032x}", SEAL, len(data)) + payload
        ends.append(len(data))
    return data, ends


def scan(data: bytes, *, whole: bool = True) -> Scan:
    """Read a whole segment."""
    return Scanner(data, 0, SEAL, whole).scan(1 << 20, 1 << 30)


@given(WEBHOOKS)
def test_a_webhook_comes_back_exactly(item: Webhook) -> None:
    """Bytes that are no UTF-8, repeated headers and odd names included."""
    assert decode_webhook(encode_webhook(item, "0" * 32)) == item


@given(st.binary(max_size=100))
def test_any_bytes_are_a_webhook_or_an_error(data: bytes) -> None:
    """A payload of another version or of nonsense raises nothing unforeseen."""
    with contextlib.suppress(NotAPayloadError):
        decode_webhook(data)


@given(PAYLOADS)
def test_frames_come_back_in_order(payloads: list[bytes]) -> None:
    """What was written is found, with its ids."""
    data, ends = segment(payloads)
    found = scan(data)
    assert [item.payload for item in found.found if isinstance(item, Found)] == payloads
    assert [item.end for item in found.found] == ends
    assert found.torn == 0


@given(PAYLOADS, st.data())
def test_a_damaged_byte_costs_its_own_record_only(payloads: list[bytes], data: st.DataObject) -> None:
    """Whichever byte it is; the damage is told with the place of its frame, and the id where that is whole."""
    content, ends = segment(payloads)
    at = data.draw(st.integers(0, len(content) - 1))
    flipped = bytearray(content)
    flipped[at] ^= data.draw(st.integers(1, 255))
    hit = next(number for number, end in enumerate(ends) if at < end)
    start = ends[hit - 1] if hit else 0
    found = scan(bytes(flipped))
    assert [i.webhook_id for i in found.found if isinstance(i, Found)] == [
        f"{number:032x}" for number in range(len(payloads)) if number != hit
    ]
    (bad,) = [item for item in found.found if isinstance(item, Bad)]
    assert (bad.offset, bad.end) == (start, ends[hit])
    assert bad.webhook_id == (f"{hit:032x}" if at >= start + HEADER else None)


@given(PAYLOADS, st.data())
def test_a_torn_end_is_told_apart_from_damage(payloads: list[bytes], data: st.DataObject) -> None:
    """A segment that ends inside a frame has all frames before it, and no damage."""
    content, ends = segment(payloads)
    size = data.draw(st.integers(0, len(content)))
    found = scan(content[:size])
    assert [item.end for item in found.found] == [end for end in ends if end <= size]
    assert found.torn == size - found.end


@given(PAYLOADS, st.data())
def test_a_window_that_ends_early_tells_nothing_of_its_end(payloads: list[bytes], data: st.DataObject) -> None:
    """More may follow: what is not complete is left for the next window."""
    content, ends = segment(payloads)
    size = data.draw(st.integers(0, len(content)))
    found = scan(content[:size], whole=False)
    assert [item.end for item in found.found] == [end for end in ends if end <= size]
    assert found.torn == 0


def test_a_frame_inside_a_body_is_never_taken_for_one() -> None:
    """A sender who copies a whole segment into a body gains nothing when the frame around it is damaged."""
    inner, _ = segment([b"forged"])
    data, _ = segment([inner, b"behind"])
    damaged = b"\x00" + data[1:]
    assert [item.webhook_id for item in scan(damaged).found] == [None, f"{1:032x}"]


def test_a_frame_of_another_segment_is_damage() -> None:
    """A block that a disk wrote to the wrong file is no record here."""
    data, _ = segment([b"one"])
    (item,) = Scanner(data, 0, seal_of("w-0123456789abcdef", 8), whole=True).scan(10, 1 << 20).found
    assert isinstance(item, Bad)


def test_limits_hold_and_one_record_always_comes() -> None:
    """By count, and by bytes unless the first is larger."""
    data, ends = segment([b"x" * 100] * 4)
    assert [i.end for i in Scanner(data, 0, SEAL, whole=True).scan(2, 1 << 20).found] == ends[:2]
    assert [i.end for i in Scanner(data, 0, SEAL, whole=True).scan(9, ends[1]).found] == ends[:2]
    assert [i.end for i in Scanner(data, 0, SEAL, whole=True).scan(9, 1).found] == ends[:1]


@pytest.mark.parametrize("wrong", ["", "0" * 31, "0" * 34, "A" * 32, "x" * 32])
def test_an_id_has_32_hexadecimal_digits(wrong: str) -> None:
    """Anything else would not come back as it was."""
    with pytest.raises(ValueError, match="hexadecimal"):
        encode(b"", wrong, SEAL, 0)


def test_a_webhook_that_cannot_be_encoded_says_so() -> None:
    """A lone surrogate that stands for no byte has no bytes."""
    with pytest.raises(UnicodeEncodeError):
        encode_webhook(
            Webhook(**{f: getattr(webhook(1), f) for f in Webhook.__slots__} | {"target": "\ud800"}), "0" * 32
        )
