"""Kafka's default partitioner, so that every writer in every language sends a key to the same partition.

Source: org.apache.kafka.common.utils.Utils.murmur2 and BuiltInPartitioner.partitionForKey.
"""

from functools import lru_cache

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF
_REMEMBERED_BYTES = 256


def murmur2(data: bytes) -> int:
    """Return the 32 bit hash of the bytes, without sign."""
    length = len(data)
    h = _SEED ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        k = (k ^ (k >> 24)) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    if length > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ (h >> 13)) * _M & _MASK
    return h ^ (h >> 15)


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key among `partitions`."""
    # A long key is not remembered: thousands of them would fill the memory.
    hashed = _remembered(key) if len(key) <= _REMEMBERED_BYTES else murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions


_remembered = lru_cache(maxsize=4096)(murmur2)
