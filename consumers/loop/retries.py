"""The record that waits in a group's retry topic: as it was, with when and how often it is tried again."""

from consumers.loop.origin import (
    ATTEMPT,
    DUE,
    LONGEST_REASON,
    REASON,
    SINCE,
    TRIES,
    origin_headers,
    origin_of,
    own_headers,
    since_of,
)
from schemas.records import Record, StoredRecord
from schemas.topics import Topic


def retry_record(  # noqa: PLR0913 - what the headers say, each by its name
    record: StoredRecord,
    topic: Topic,
    *,
    attempt: int,
    due: int,
    reason: str,
    now: int | None = None,
    tries: int = 0,
) -> Record:
    """Return the record for the retry topic: key, value and other headers are the origin's own, its partition too.

    `attempt` counts the rounds of tries through this topic, 0 where it only waits behind another of its key or was sent
    on from the dead letters; `tries` counts those in all rounds. `due` is when to try it, in Unix milliseconds. The
    topic keeps it for its time from `now` on, from `due` on where that is not given: by its first timestamp an old
    record would be gone before it is tried.
    """
    put, since = due if now is None else now, since_of(record)
    added = (
        (ATTEMPT, str(attempt)),
        (DUE, str(due)),
        (REASON, reason[:LONGEST_REASON]),
        (SINCE, str(put if since is None else since)),
        (TRIES, str(tries)),
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
        timestamp=put,
        partition=origin_of(record).partition,
    )
