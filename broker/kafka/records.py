"""Kafka's records as ours."""

from typing import Any

from broker.kafka.connection import Names
from schemas.records import StoredRecord


def stored_record(record: Any, names: Names) -> StoredRecord:
    """Return aiokafka's ConsumerRecord as ours, under our name of its topic."""
    return StoredRecord(
        names.inner(record.topic),
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        # Kafka allows a header without a value; ours have bytes, so it becomes an empty one.
        tuple((name, value or b"") for name, value in record.headers),
    )
