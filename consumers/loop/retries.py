"""The record that waits in a group's retry topic: as it was, with when and how often it is tried again."""

from consumers.loop.origin import ATTEMPT, DUE, OURS, REASON, origin_headers, origin_of
from schemas.records import Record, StoredRecord
from schemas.topics import Topic

_LONGEST_REASON = 200


def retry_record(record: StoredRecord, topic: Topic, *, attempt: int, due: int, reason: str) -> Record:
    """Return the record for the retry topic: key, value, other headers and time are the origin's own.

    `attempt` counts the tries through this topic, 0 where it only waits behind another of its key or was sent on from
    the dead letters. `due` is when to try it, in Unix milliseconds.
    """
    kept = tuple((name, value) for name, value in record.headers if name not in OURS)
    added = ((ATTEMPT, str(attempt)), (DUE, str(due)), (REASON, reason[:_LONGEST_REASON]))
    return Record(
        topic=topic.name,
        key=record.key,
        value=record.value,
        headers=(
            *kept,
            *origin_headers(origin_of(record)),
            *((name, text.encode("utf-8", "replace")) for name, text in added),
        ),
        timestamp=record.timestamp,
    )
