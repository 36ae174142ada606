"""What a dead letter tells, and the marker that says it is dealt with. Pure.

A marker stands in the dead-letter topic itself, behind its letter, under the same key and in the same partition.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from consumers.dead_letters.places import Box, Place
from consumers.loop.origin import (
    ATTEMPT,
    DLQ_ATTEMPT,
    DLQ_REASON,
    DLQ_TIME,
    DLQ_TRACEBACK,
    ORIGIN_TOPIC,
    Origin,
    origin_of,
)
from consumers.loop.retries import retry_record
from schemas.records import Record, StoredRecord
from schemas.times import format_time, from_millis, parse_time, to_millis

RESOLVED = "messaging.deadletter.resolved"
"""The `ce_type` of a marker."""

RESOLUTION, LETTER_OFFSET = "ce_dlqresolution", "ce_dlqoffset"
OTHER = "other"
"""Stands for a reason that does not begin with a word of its own: whoever wrote it may quote the event."""

REJECTED = "rejected"
"""The word for what the handler itself has given up; what follows quotes nothing of the event, see `Reject`."""

# A sentence could begin with a name or a number; a word that stands alone or before a colon is a reason's.
_WORD = re.compile(r"([A-Za-z][A-Za-z0-9_.-]{0,63})\s*(?::|$)", re.ASCII)
_LAST_MILLIS = 253_402_300_799_999
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)


class Resolution(StrEnum):
    """What was done with a letter."""

    REDRIVEN = "redriven"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Dealt:
    """What a marker says. `how` is a word of Resolution, or one that this version does not know; `at` is in ms."""

    how: str
    at: int


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter: the record, whose it is, and what was done with it; None while it is open."""

    record: StoredRecord
    box: Box
    dealt: Dealt | None = None

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.record.topic, self.record.partition, self.record.offset)

    @property
    def reason(self) -> str:
        """The first word of why it is here, which quotes nothing of the event.

        What a handler rejects with a word of its own has both: `rejected:refused_404`.
        """
        found = _WORD.match(self.told)
        if found is None:
            return OTHER
        more = _WORD.fullmatch(self.told[found.end() :].strip())
        return f"{found[1]}:{more[1]}" if found[1] == REJECTED and more else found[1]

    @property
    def reasons(self) -> frozenset[str]:
        """The words by which its reason can be asked for."""
        return frozenset((self.reason, *self.reason.split(":")))

    @property
    def told(self) -> str:
        """All that is said of why it is here. It may quote the event."""
        return self.record.text_header(DLQ_REASON) or ""

    @property
    def died_at(self) -> int:
        """When it came here, in Unix milliseconds; of one that does not say so, when its event was received."""
        return _millis(self.record.text_header(DLQ_TIME), self.record.timestamp)

    @property
    def traceback(self) -> str | None:
        """The digest of the traceback, the same for all letters of one fault."""
        return self.record.text_header(DLQ_TRACEBACK)

    @property
    def event_id(self) -> str | None:
        """The `ce_id`."""
        return self.record.text_header("ce_id")

    @property
    def event_type(self) -> str | None:
        """The `ce_type`."""
        return self.record.text_header("ce_type")

    @property
    def account(self) -> str | None:
        """The `ce_account`."""
        return self.record.text_header("ce_account")

    @property
    def origin(self) -> Origin:
        """Where the event stood first."""
        return origin_of(self.record)

    @property
    def attempts(self) -> int | None:
        """How often it was tried, where that is said."""
        found = self.record.text_header(DLQ_ATTEMPT) or self.record.text_header(ATTEMPT) or ""
        return int(found) if _NUMBER.fullmatch(found) else None


def is_marker(record: StoredRecord) -> bool:
    """Tell whether a record of a dead-letter topic says that a letter is dealt with.

    A letter tells where it stood first, whatever else a stranger wrote on its event; a marker stood nowhere before.
    """
    if record.header(ORIGIN_TOPIC) is not None:
        return False
    return record.value is None and record.text_header("ce_type") == RESOLVED


def marked(record: StoredRecord) -> tuple[int, Dealt] | None:
    """Return the offset of the letter that a marker is about, and what it says; None where it says nothing."""
    offset = record.text_header(LETTER_OFFSET) or ""
    # What stands behind a letter alone can be about it.
    if not is_marker(record) or not _NUMBER.fullmatch(offset) or int(offset) >= record.offset:
        return None
    at = _millis(record.text_header(DLQ_TIME), record.timestamp)
    return int(offset), Dealt(record.text_header(RESOLUTION) or OTHER, at)


def marker(letter: Letter, how: Resolution, now: int) -> Record:
    """Return the record that says that the letter is dealt with; `now` in Unix milliseconds."""
    place = letter.place
    headers = (
        ("ce_type", RESOLVED),
        (RESOLUTION, how),
        (LETTER_OFFSET, str(place.offset)),
        (DLQ_TIME, format_time(from_millis(now))),
    )
    return Record(
        topic=place.topic,
        key=letter.record.key,
        value=None,
        headers=tuple((name, text.encode()) for name, text in headers),
        timestamp=now,
        partition=place.partition,
    )


def redriven(letter: Letter, now: int) -> Record:
    """Return the record for the group's retry topic, due at once; `now` in Unix milliseconds.

    It has the time of now: a retry topic is kept for days, and a letter may be older than that. When the event was
    received stands in its value, and for a raw webhook in `ce_time`.
    """
    return retry_record(letter.record, letter.box.retries, attempt=0, due=now, reason=Resolution.REDRIVEN)


def _millis(text: str | None, otherwise: int) -> int:
    """Return a time that a header tells, as RFC 3339 or in milliseconds."""
    if text and _NUMBER.fullmatch(text) and int(text) <= _LAST_MILLIS:
        return int(text)
    moment = parse_time(text)
    return otherwise if moment is None else to_millis(moment)
