"""The dead letter: a record that could not be processed, as it was, with why and where from."""

from schemas.records import Record, StoredRecord
from schemas.topics import Topic

_OURS = frozenset({"ce_dlqreason", "ce_origintopic", "ce_originpartition", "ce_originoffset"})
_LONGEST_REASON = 200


def dead_letter(record: StoredRecord, topic: Topic, reason: str) -> Record:
    """Return the record for the dead-letter topic: key, value, headers and time are the origin's own."""
    added = (
        ("ce_dlqreason", reason[:_LONGEST_REASON]),
        ("ce_origintopic", record.topic),
        ("ce_originpartition", str(record.partition)),
        ("ce_originoffset", str(record.offset)),
    )
    kept = tuple((name, value) for name, value in record.headers if name not in _OURS)
    return Record(
        topic=topic.name,
        key=record.key,
        value=record.value,
        headers=(*kept, *((name, text.encode("utf-8", "replace")) for name, text in added)),
        timestamp=record.timestamp,
    )
