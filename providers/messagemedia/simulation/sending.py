"""Messages that a customer sends through the cloud: what is refused, what becomes of them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from providers.api_calls import Call, json_answer
from providers.fiction import Fiction
from providers.fields import Json
from providers.messagemedia.simulation.bodies import Report, Sent
from providers.messagemedia.simulation.books import Books, Kept
from providers.messagemedia.simulation.refusals import NOT_FOUND, UNPARSABLE, error
from providers.messagemedia.simulation.telling import callback
from providers.simulation import ApiAnswer

_MOST = 100
_NUMBER = re.compile(r"\+[0-9]{8,15}", re.ASCII)
_WAY = (("enroute", "101", 0.1), ("submitted", "200", 0.3), ("delivered", "220", 0.6))
_BLOCKED = (("rejected", "302", 0.1),)


class Messages:
    """Takes messages, tells of them, and cancels those that are scheduled."""

    def __init__(self, fiction: Fiction, books: Books) -> None:
        self._fiction, self._books = fiction, books

    def send(self, call: Call) -> ApiAnswer:
        """Answer `POST /v1/messages`: all of them, or none."""
        given = call.fields().get("messages")
        if not isinstance(given, list):
            return error(400, UNPARSABLE, "Failed to parse message body.")
        wrong = list(_problems(given))
        if wrong:
            return error(400, UNPARSABLE, *wrong)
        made = [self._take(fields, call.now) for fields in given]
        return json_answer(
            202,
            {"messages": [{**kept.fields, "status": "queued"} for kept, _ in made]},
            follow_ups=[
                callback(report, report.at - call.now)
                for kept, reports in made
                if kept.fields.get("delivery_report") is True
                for report in reports
            ],
            effects=[kept.fields["message_id"] for kept, _ in made],
        )

    def get(self, call: Call, message_id: str) -> ApiAnswer:
        """Answer `GET /v1/messages/{id}`."""
        kept = self._books.messages.get(message_id)
        if kept is None:
            return error(404, NOT_FOUND)
        return json_answer(200, {**kept.fields, "status": kept.status(call.now)})

    def cancel(self, call: Call, message_id: str) -> ApiAnswer:
        """Answer `PUT /v1/messages/{id}`, which knows one word."""
        kept = self._books.messages.get(message_id)
        if kept is None:
            return error(404, NOT_FOUND)
        if call.fields().get("status") != "cancelled":
            return error(400, UNPARSABLE, "/status: must be cancelled")
        if kept.status(call.now) != "scheduled":
            return error(400, "Message is not currently scheduled")
        kept.statuses = [*kept.statuses[:1], (call.now, "cancelled")]
        return json_answer(200, {**kept.fields, "status": "cancelled"})

    def _take(self, given: Json, now: float) -> tuple[Kept, Sequence[Report]]:
        message_id = self._fiction.uuid()
        fields: dict[str, Any] = {"format": "SMS", **given, "message_id": message_id}
        sent = Sent(
            id=message_id,
            to=fields["destination_number"],
            text=fields["content"],
            source=fields.get("source_number"),
            metadata=fields.get("metadata") or {},
            callback_url=fields.get("callback_url"),
            format=fields["format"],
        )
        kept, reports = self._life(fields, sent, now)
        self._books.keep(message_id, kept)
        return kept, reports

    def _life(self, fields: dict[str, Any], sent: Sent, now: float) -> tuple[Kept, Sequence[Report]]:
        """Return what becomes of a message. One that is scheduled is not reported: it may be cancelled yet."""
        scheduled = _moment(fields.get("scheduled"))
        if scheduled is not None and scheduled > now:
            return Kept(fields, [(now, "scheduled"), (scheduled, "submitted")]), ()
        way = _BLOCKED if sent.to in self._books.blacklist else _WAY
        reports = [
            Report(id=self._fiction.uuid(), sent=sent, status=status, code=code, at=now + after)
            for status, code, after in way
        ]
        if fields.get("delivery_report") is True:
            for report in reports:
                self._books.report(report)
        return Kept(fields, [(now, "queued"), *((report.at, report.status) for report in reports)]), reports


def _problems(given: Sequence[Any]) -> Iterator[str]:
    """Yield what is wrong, each beginning with where."""
    if not 1 <= len(given) <= _MOST:
        yield f"/messages: size must be between 1 and {_MOST}"
        return
    for place, fields in enumerate(given):
        if not isinstance(fields, dict):
            yield f"/messages/{place}: must be an object"
            continue
        for name, (rule, words) in _RULES.items():
            if not rule(fields.get(name), fields):
                yield f"/messages/{place}/{name}: {words}"


def _content(value: Any, _fields: Json) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 5000


def _destination(value: Any, _fields: Json) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _format(value: Any, _fields: Json) -> bool:
    return value in (None, "SMS", "MMS", "TTS")


def _number_type(value: Any, _fields: Json) -> bool:
    return value in (None, "INTERNATIONAL", "ALPHANUMERIC", "SHORTCODE")


def _metadata(value: Any, _fields: Json) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or len(value) > 10:
        return False
    return all(isinstance(text, str) and len(key) <= 100 and len(text) <= 256 for key, text in value.items())


def _media(value: Any, fields: Json) -> bool:
    return not value or (isinstance(value, list) and fields.get("format") == "MMS")


def _subject(value: Any, _fields: Json) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= 64)


def _time(value: Any, _fields: Json) -> bool:
    return value is None or _moment(value) is not None


_RULES: Mapping[str, tuple[Callable[[Any, Json], bool], str]] = {
    "content": (_content, "size must be between 1 and 5000"),
    "destination_number": (
        _destination,
        "International address must be between 8 and 15 characters excluding the first '+'",
    ),
    "format": (_format, "must be SMS, MMS or TTS"),
    "source_number_type": (_number_type, "must be INTERNATIONAL, ALPHANUMERIC or SHORTCODE"),
    "metadata": (_metadata, "up to 10 pairs, keys up to 100 and values up to 256 characters"),
    "media": (_media, "only with the format MMS"),
    "subject": (_subject, "size must be between 0 and 64"),
    "scheduled": (_time, "must be ISO 8601"),
    "message_expiry_timestamp": (_time, "must be ISO 8601"),
}


def _moment(value: Any) -> float | None:
    try:
        return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else None
    except ValueError:
        return None
