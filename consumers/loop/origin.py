"""Where a record came from first: headers that it carries through retry topics and dead letters."""

from dataclasses import dataclass

from schemas.records import Headers, StoredRecord

ORIGIN_TOPIC, ORIGIN_PARTITION, ORIGIN_OFFSET = "ce_origintopic", "ce_originpartition", "ce_originoffset"
ATTEMPT, DUE, REASON = "ce_retryattempt", "ce_retrydue", "ce_retryreason"
DLQ_REASON, DLQ_TIME, DLQ_TRACEBACK = "ce_dlqreason", "ce_dlqtime", "ce_dlqtraceback"

OURS = frozenset(
    {
        *(ORIGIN_TOPIC, ORIGIN_PARTITION, ORIGIN_OFFSET),
        *(ATTEMPT, DUE, REASON),
        *(DLQ_REASON, DLQ_TIME, DLQ_TRACEBACK),
    }
)
"""Headers that a retry or a dead letter adds; whoever passes the record on replaces them."""


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """The place in a topic of the contract where a record stood first."""

    topic: str
    partition: int
    offset: int


def origin_of(record: StoredRecord) -> Origin:
    """Return the first place of a record: what its headers say, else where it stands."""
    topic = record.text_header(ORIGIN_TOPIC)
    partition, offset = record.text_header(ORIGIN_PARTITION), record.text_header(ORIGIN_OFFSET)
    if topic and partition and offset and partition.isdecimal() and offset.isdecimal():
        return Origin(topic, int(partition), int(offset))
    return Origin(record.topic, record.partition, record.offset)


def origin_headers(origin: Origin) -> Headers:
    """Return the headers that name the first place."""
    return (
        (ORIGIN_TOPIC, origin.topic.encode()),
        (ORIGIN_PARTITION, str(origin.partition).encode()),
        (ORIGIN_OFFSET, str(origin.offset).encode()),
    )
