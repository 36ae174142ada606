"""Storing records inside the writer's transaction."""

from collections.abc import Sequence

from broker.embedded.rows import encode_headers
from broker.embedded.schema import OFFSET_MASK
from broker.embedded.session import PartitionState, TopicState, WriteSession
from broker.log import Partition, Position, RecordRefusedError, TopicSpec
from broker.murmur2 import partition_of
from schemas.records import Record

AUTO_PARTITIONS = 12
_AUTO_RETENTION_MS = 30 * 24 * 60 * 60 * 1000
_AUTO_MESSAGE_BYTES = 8 * 1024 * 1024
_LAST_TIMESTAMP = (1 << 62) - 1

Placed = tuple[Record, bytes, PartitionState]


def automatic_spec(topic: str) -> TopicSpec:
    """Return what a topic becomes that nobody has planned."""
    return TopicSpec(topic, AUTO_PARTITIONS, _AUTO_RETENTION_MS, max_message_bytes=_AUTO_MESSAGE_BYTES)


def append_records(session: WriteSession, records: Sequence[Record], turn: int) -> list[Position]:
    """Take the records into the transaction, all or none, and return their places.

    `turn` chooses the partition of records without a key. Raises RecordRefusedError before any change but
    the making of a missing topic.
    """
    placed = [_place(session, record, turn + at) for at, record in enumerate(records)]
    return [
        Position(
            Partition(record.topic, state.number),
            session.add(state, record.timestamp, record.key, headers, record.value),
        )
        for record, headers, state in placed
    ]


def _place(session: WriteSession, record: Record, turn: int) -> Placed:
    if not _is_name(record.topic):
        raise RecordRefusedError("a record needs the name of a topic, in text that UTF-8 can hold")
    topic = session.topic(record.topic) or session.create_topic(automatic_spec(record.topic))
    state = topic.partitions[_number(topic, record, turn)]
    if not 0 <= record.timestamp <= _LAST_TIMESTAMP:
        raise RecordRefusedError(f"timestamp {record.timestamp} is not in milliseconds since 1970")
    if record.size > topic.spec.max_message_bytes:
        raise RecordRefusedError(
            f"the record has {record.size} bytes, topic {record.topic} takes {topic.spec.max_message_bytes}"
        )
    if state.next_offset >= OFFSET_MASK:
        raise RecordRefusedError(f"partition {state.number} of {record.topic} has used up its offsets")
    try:
        return record, encode_headers(record.headers), state
    except UnicodeEncodeError:
        raise RecordRefusedError("the name of a header is not text that UTF-8 can hold") from None


def _is_name(topic: str) -> bool:
    return topic != "" and not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in topic)


def _number(topic: TopicState, record: Record, turn: int) -> int:
    count = len(topic.partitions)
    if record.partition is None:
        return turn % count if record.key is None else partition_of(record.key, count)
    if not 0 <= record.partition < count:
        raise RecordRefusedError(f"topic {record.topic} has no partition {record.partition}; it has {count}")
    return record.partition
