"""The small pure parts: hashing as Kafka does, headers as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.embedded.rows import decode_headers, encode_headers
from broker.murmur2 import murmur2, partition_of

KAFKA_VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("data", "expected"), KAFKA_VECTORS.items())
def test_murmur2_gives_what_kafka_gives(data: bytes, expected: int) -> None:
    """The vectors of Kafka's own UtilsTest."""
    signed = murmur2(data) - (1 << 32) if murmur2(data) >> 31 else murmur2(data)
    assert signed == expected


@given(st.binary(max_size=600), st.integers(1, 50))
def test_a_key_has_one_partition(key: bytes, partitions: int) -> None:
    """Long keys and short ones alike: the hash without its sign, modulo the count."""
    assert partition_of(key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions


@given(st.lists(st.tuples(st.text(), st.binary())))
def test_headers_come_back_from_their_bytes(headers: list[tuple[str, bytes]]) -> None:
    """Any text that UTF-8 can hold, any bytes, in order and repeated."""
    assert decode_headers(encode_headers(tuple(headers))) == tuple(headers)
