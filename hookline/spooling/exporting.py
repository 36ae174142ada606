"""Records of the spool as lines of JSON, as `hookline tail` prints raw records. They hold what people wrote."""

import base64
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from hookline.errors import CommandError
from hookline.record_lines import line_of
from hookline.spooling import aside, reading
from hookline.spooling.words import place_text
from ingest.settings import SpoolSettings
from ingest.spool.contract import Damaged, Spooled
from schemas.records import StoredRecord
from schemas.webhook import webhook_to_record

NOWHERE = -1
"""Partition and offset of a record that is not in the log yet."""

_OWNER_ALONE = 0o600


@dataclass(slots=True)
class Unread:
    """How many places were met that hold a damaged record."""

    places: int = 0


def record_lines(settings: SpoolSettings, unread: Unread) -> Iterator[bytes]:
    """Yield a line for each record that waits, and count what is damaged. Raises CommandError."""
    for item in reading.items(settings):
        if isinstance(item, Spooled):
            yield record_line(item)
        elif isinstance(item, Damaged):
            unread.places += 1


def damaged_lines(settings: SpoolSettings) -> Iterator[bytes]:
    """Yield a line for each file that was set aside. Raises CommandError."""
    return (damaged_line(path.name, data, contents) for path, data, contents in reading.set_aside(settings))


def record_line(spooled: Spooled) -> bytes:
    """Return the line of a record that waits, with its place in the spool."""
    record = webhook_to_record(spooled.webhook, spooled.webhook_id)
    stored = StoredRecord(record.topic, NOWHERE, NOWHERE, record.timestamp, record.key, record.value, record.headers)
    return line_of(stored, spool=place_text(spooled.place))


def damaged_line(name: str, data: bytes, contents: aside.Contents) -> bytes:
    """Return the line of bytes that were set aside: their file, what can be read in them, and all of them."""
    place = aside.place_of(name)
    fields = {
        "file": name,
        "place": None if place is None else place_text(place),
        "whole_webhooks": [one.webhook_id for one in contents.whole],
        "damaged": [{"webhook_id": one.webhook_id, "reason": one.reason} for one in contents.broken],
        "bytes_base64": base64.b64encode(data).decode(),
    }
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


@contextmanager
def output(path: Path | None) -> Generator[BinaryIO]:
    """Give standard output, or a new file that its owner alone may read.

    Raises CommandError for a file that is there already, or cannot be written.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ALONE)
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except FileExistsError as error:
        raise CommandError(f"{path} is there already; name another file with --output") from error
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
