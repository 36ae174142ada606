"""Dead letters for tests, as a group leaves them on a log."""

from dataclasses import replace
from typing import Any

from consumers.loop.origin import (
    DLQ_ATTEMPT,
    DLQ_REASON,
    DLQ_TIME,
    DLQ_TRACEBACK,
    ORIGIN_OFFSET,
    ORIGIN_PARTITION,
    ORIGIN_TOPIC,
)
from schemas.envelope import event_to_record
from schemas.records import Record
from schemas.times import format_time, from_millis
from schemas.topics import INBOUND, dead_letter_topic
from tests.support.consumers import inbound

GROUP = "auto-reply"
LETTERS = dead_letter_topic(INBOUND, GROUP).name
DIED_AT = 1_767_225_600_000


def letter(
    number: int = 0,
    *,
    reason: str = "handler_failed: ValueError: no such text",
    died_at: int = DIED_AT,
    topic: str = LETTERS,
    key: str | None = None,
    **fields: Any,
) -> Record:
    """Return a dead letter of an inbound message, which stood at offset `number` of partition 3."""
    record = event_to_record(inbound(number, **({} if key is None else {"key": key}), **fields))
    added = {
        ORIGIN_TOPIC: INBOUND.name,
        ORIGIN_PARTITION: "3",
        ORIGIN_OFFSET: str(number),
        DLQ_REASON: reason,
        DLQ_TIME: format_time(from_millis(died_at)),
        DLQ_TRACEBACK: "0123abcd",
        DLQ_ATTEMPT: "2",
    }
    headers = (
        *record.headers,
        *((name, text.encode()) for name, text in added.items()),
    )
    return replace(record, topic=topic, headers=headers)
