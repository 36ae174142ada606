"""The dead letter: a record that could not be processed, as it was, with why and where from."""

import hashlib
import traceback
from dataclasses import dataclass
from pathlib import PurePath

from consumers.loop.origin import (
    DLQ_ATTEMPT,
    DLQ_REASON,
    DLQ_TIME,
    DLQ_TRACEBACK,
    LONGEST_REASON,
    origin_headers,
    origin_of,
    own_headers,
)
from schemas.records import Record, StoredRecord
from schemas.topics import Topic

_DIGITS = 16
_FOLDERS = 3


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a record is dead: the words, `traceback_digest`'s digits or none, and how many tries it had in all."""

    reason: str
    digest: str
    attempt: int


def dead_letter(record: StoredRecord, topic: Topic, cause: Cause, *, now: int) -> Record:
    """Return the record for the dead-letter topic: key, value and other headers are the origin's own.

    `now`, in Unix milliseconds, is the letter's time: the topic keeps it for its time from then on.
    """
    added = (
        (DLQ_REASON, cause.reason[:LONGEST_REASON]),
        (DLQ_TRACEBACK, cause.digest),
        (DLQ_ATTEMPT, str(cause.attempt)),
        (DLQ_TIME, str(now)),
    )
    return Record(
        topic=topic.name,
        key=record.key,
        value=record.value,
        headers=(
            *own_headers(record),
            *origin_headers(record),
            *((name, text.encode("utf-8", "replace")) for name, text in added),
        ),
        timestamp=now,
        partition=origin_of(record).partition,
    )


def traceback_digest(error: BaseException) -> str:
    """Return 16 hexadecimal digits that are the same for failures of one kind at one place, whatever the event.

    SHA-256 over the error's type and the file, function and line of each frame; nothing of any value.
    """
    frames = [
        f"{_short(frame.f_code.co_filename)}:{frame.f_code.co_name}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    return hashlib.sha256("\n".join((kind, *frames)).encode("utf-8", "replace")).hexdigest()[:_DIGITS]


def _short(file: str) -> str:
    # Where it is installed is no part of what went wrong.
    return "/".join(PurePath(file).parts[-_FOLDERS:])
