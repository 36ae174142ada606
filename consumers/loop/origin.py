"""Where a record came from first: headers that it carries through retry topics and dead letters."""

from dataclasses import dataclass, replace

from schemas.records import Headers, StoredRecord

ORIGIN_TOPIC, ORIGIN_PARTITION, ORIGIN_OFFSET = "ce_origintopic", "ce_originpartition", "ce_originoffset"
ORIGIN_TIME = "ce_origintime"
ATTEMPT, DUE, REASON = "ce_retryattempt", "ce_retrydue", "ce_retryreason"
SINCE, TRIES = "ce_retrysince", "ce_retrytries"
DLQ_REASON, DLQ_TIME, DLQ_TRACEBACK = "ce_dlqreason", "ce_dlqtime", "ce_dlqtraceback"
DLQ_ATTEMPT = "ce_dlqattempt"

OURS = frozenset(
    {
        *(ORIGIN_TOPIC, ORIGIN_PARTITION, ORIGIN_OFFSET, ORIGIN_TIME),
        *(ATTEMPT, DUE, REASON, SINCE, TRIES),
        *(DLQ_REASON, DLQ_TIME, DLQ_TRACEBACK, DLQ_ATTEMPT),
    }
)
"""Headers that a retry or a dead letter adds; whoever passes the record on replaces them."""

LONGEST_REASON = 200


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """The place in a topic of the contract where a record stood first."""

    topic: str
    partition: int
    offset: int


def origin_of(record: StoredRecord) -> Origin:
    """Return the first place of a record: what its headers say, else where it stands."""
    topic = record.text_header(ORIGIN_TOPIC)
    partition, offset = number_in(record, ORIGIN_PARTITION), number_in(record, ORIGIN_OFFSET)
    if topic and partition is not None and offset is not None:
        return Origin(topic, partition, offset)
    return Origin(record.topic, record.partition, record.offset)


def origin_time(record: StoredRecord) -> int:
    """Return the timestamp that the record had in its first place, in Unix milliseconds."""
    found = number_in(record, ORIGIN_TIME)
    return record.timestamp if found is None else found


def attempt_of(record: StoredRecord) -> int:
    """Return how many rounds of tries a record of a retry topic has behind it."""
    return number_in(record, ATTEMPT) or 0


def tries_of(record: StoredRecord) -> int:
    """Return how many tries a record of a retry topic has behind it, in all its rounds."""
    return number_in(record, TRIES) or 0


def with_attempt(record: StoredRecord, rounds: int) -> StoredRecord:
    """Return a record of a retry topic as it would be there after so many rounds of tries."""
    others = tuple((name, value) for name, value in record.headers if name != ATTEMPT)
    return replace(record, headers=(*others, (ATTEMPT, str(rounds).encode())))


def due_of(record: StoredRecord) -> int:
    """Return when a record of a retry topic is to be tried, in Unix milliseconds; 0 for at once."""
    return number_in(record, DUE) or 0


def since_of(record: StoredRecord) -> int | None:
    """Return since when a record has been in its group's retry topic, in Unix milliseconds; None where it is not."""
    return number_in(record, SINCE)


def origin_headers(record: StoredRecord) -> Headers:
    """Return the headers that name the record's first place and time."""
    origin = origin_of(record)
    return (
        (ORIGIN_TOPIC, origin.topic.encode()),
        (ORIGIN_PARTITION, str(origin.partition).encode()),
        (ORIGIN_OFFSET, str(origin.offset).encode()),
        (ORIGIN_TIME, str(origin_time(record)).encode()),
    )


def as_first(record: StoredRecord) -> StoredRecord:
    """Return a record of a topic of the contract without headers of ours: there they are of whoever wrote it."""
    if any(name in OURS for name, _ in record.headers):
        return replace(record, headers=own_headers(record))
    return record


def own_headers(record: StoredRecord) -> Headers:
    """Return the headers that the record had in its first place."""
    return tuple((name, value) for name, value in record.headers if name not in OURS)


def number_in(record: StoredRecord, header: str) -> int | None:
    """Return the whole number in a header; None where there is none, or one that no log has."""
    text = record.text_header(header) or ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None


_DIGITS = 18
