"""A dead letter in words, and as JSON for programs. Lists show no text and no number of a person; `show` does."""

import base64
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from consumers.dead_letters.letters import Dealt, Letter, Resolution
from consumers.dead_letters.places import Box
from hookline.many import many
from hookline.record_lines import joined_headers, line_of
from schemas.times import format_time, from_millis

Heap = tuple[Box, str]
"""Letters of one box with one reason."""

_LONGEST_WORD = 200


def list_line(letter: Letter, *, with_state: bool) -> str:
    """Return a letter as words between blanks: as many for every letter, `-` where there is nothing."""
    origin = letter.origin
    words = [
        str(letter.place),
        _time(letter.died_at),
        letter.reason,
        letter.event_type,
        letter.event_id,
        f"{origin.topic}:{origin.partition}:{origin.offset}",
        None if letter.attempts is None else str(letter.attempts),
    ]
    return " ".join(_word(word) for word in (*words, *([_state(letter.dealt)] if with_state else ())))


def list_fields(letter: Letter) -> bytes:
    """Return a letter as one JSON object and a newline; what is not there is null."""
    origin = letter.origin
    fields = {
        "place": str(letter.place),
        "group": letter.box.group,
        "time": _time(letter.died_at),
        "reason": letter.reason,
        "type": letter.event_type,
        "event_id": letter.event_id,
        "account": letter.account,
        "origin": {"topic": origin.topic, "partition": origin.partition, "offset": origin.offset},
        "attempts": letter.attempts,
        "traceback": letter.traceback,
        "state": _state(letter.dealt),
        "dealt_at": None if letter.dealt is None else _time(letter.dealt.at),
    }
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def heap_of(letter: Letter) -> Heap:
    """Return what a summary counts a letter under."""
    return letter.box, letter.reason


def summary_lines(counts: Counter[Heap]) -> Iterator[str]:
    """Yield a line for each reason of each box, the most first."""
    for (box, reason), count in _sorted(counts):
        yield f"{count:>8}  {reason}  {box.origin.name} of {box.group}"


def summary_fields(counts: Counter[Heap]) -> Iterator[bytes]:
    """Yield one JSON object and a newline for each reason of each box."""
    for (box, reason), count in _sorted(counts):
        fields = {"group": box.group, "topic": box.origin.name, "reason": reason, "letters": count}
        yield orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def plan_lines(counts: Counter[Heap], how: Resolution) -> Iterator[str]:
    """Yield what will be done."""
    doing = "send on" if how is Resolution.REDRIVEN else "mark as discarded, nothing is deleted:"
    yield f"{doing} {many(counts.total(), 'letter')}:"
    for (box, reason), count in _sorted(counts):
        where = f" -> {box.retries.name}" if how is Resolution.REDRIVEN else ""
        yield f"{count:>8}  {reason}  {box.origin.name} of {box.group}{where}"


def shown_lines(letter: Letter) -> Iterator[str]:
    """Yield all of one letter, its headers and its value, for a person to read."""
    record = letter.record
    rows = {
        "place": str(letter.place),
        "group": letter.box.group,
        "time": _time(letter.died_at),
        "reason": letter.told or "-",
        "traceback": letter.traceback or "-",
        "attempts": "-" if letter.attempts is None else str(letter.attempts),
        "state": dealt_text(letter.dealt),
        "key": "-" if record.key is None else record.key.decode("utf-8", "replace"),
    }
    yield from (f"{name:<10} {clean(text)}" for name, text in rows.items())
    yield "headers"
    yield from (f"  {clean(name)}: {clean(text)}" for name, text in joined_headers(record.headers).items())
    yield "value"
    yield from (clean(line) for line in _value_lines(record.value))


def shown_json(letter: Letter) -> bytes:
    """Return all of one letter as one JSON object: the members of `hookline tail`, and those of the letter."""
    return line_of(
        letter.record,
        place=str(letter.place),
        group=letter.box.group,
        reason=letter.told,
        state=_state(letter.dealt),
        **({} if letter.dealt is None else {"dealt_at": _time(letter.dealt.at)}),
    )


def dealt_text(dealt: Dealt | None) -> str:
    """Return what was done with a letter, and when."""
    return "open" if dealt is None else f"{clean(dealt.how)} at {_time(dealt.at)}"


def clean(text: str) -> str:
    """Return a text that cannot steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _sorted(counts: Counter[Heap]) -> Sequence[tuple[Heap, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0][0].letters.name, item[0][1]))


def _value_lines(value: bytes | None) -> Sequence[str]:
    if value is None:
        return ["  (none: a tombstone)"]
    try:
        found: Mapping[str, Any] = json.loads(value)
    except (ValueError, RecursionError):
        return [f"  {base64.b64encode(value).decode()} (base64)"]
    return json.dumps(found, indent=2, ensure_ascii=False).splitlines()


def _state(dealt: Dealt | None) -> str:
    return "open" if dealt is None else dealt.how


def _word(text: str | None) -> str:
    """Return a text as one word: what others wrote into a header must not make two of it."""
    return "".join("_" if letter.isspace() else letter for letter in clean(text or "")[:_LONGEST_WORD]) or "-"


def _time(millis: int) -> str:
    try:
        return format_time(from_millis(millis))
    except OverflowError:
        return format_time(from_millis(0))
