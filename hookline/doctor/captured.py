"""A captured request: raw HTTP bytes, or a line that `hookline tail` printed from the raw topic."""

import re
from dataclasses import dataclass

import orjson

from hookline.errors import CommandError
from hookline.record_lines import NotALineError, record_of
from providers.contract import Finding, Request
from schemas.webhook import HttpHeaders, NotAWebhookError, webhook_from_record

_REQUEST_LINE = re.compile(r"([A-Za-z]+) (\S+) HTTP/\d(?:\.\d)?")
_HEAD_END = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class Captured:
    """The request, what was odd about the capture, and when we received it in Unix seconds, where that is known.

    `recorded` says that it comes from the raw topic, which holds no passwords and no secret headers.
    """

    request: Request
    notes: tuple[Finding, ...] = ()
    received_at: float | None = None
    recorded: bool = False


def parse_captured(data: bytes) -> Captured:
    """Return the request that was captured. Raises CommandError with what was expected."""
    start = data.lstrip()
    if not start:
        raise CommandError("the captured request is empty")
    if start.startswith(b"{"):
        if _is_body_alone(start):
            raise CommandError("this is a body without its headers: capture the whole request, headers and body")
        return _from_line(start.splitlines()[0])
    return _from_http(data.lstrip(b"\r\n"))


def _is_body_alone(data: bytes) -> bool:
    """Tell whether it is the JSON that a provider posts: one object, and none of ours."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and "topic" not in value


def _from_line(line: bytes) -> Captured:
    try:
        record = record_of(line)
        webhook = webhook_from_record(record)
    except (NotALineError, NotAWebhookError) as error:
        advice = "expected raw HTTP (request line, headers, empty line, body) or a line that `hookline tail` printed"
        raise CommandError(f"{error}; {advice} from messaging.webhooks.v1") from error
    request = Request(webhook.method, webhook.target, webhook.headers, webhook.body, webhook.peer)
    return Captured(request, received_at=record.timestamp / 1000, recorded=True)


def _from_http(data: bytes) -> Captured:
    end = _HEAD_END.search(data)
    if end is None:
        raise CommandError("no empty line between headers and body: not a whole HTTP request")
    first, *lines = data[: end.start()].decode("utf-8", "surrogateescape").splitlines()
    found = _REQUEST_LINE.fullmatch(first.strip())
    if found is None:
        raise CommandError("line 1 is no request line; expected for example: POST /webhooks/main HTTP/1.1")
    headers = _headers(lines)
    request = Request(found[1].upper(), found[2], headers, data[end.end() :])
    return _with_notes(request)


def _headers(lines: list[str]) -> HttpHeaders:
    headers: list[tuple[str, str]] = []
    for number, line in enumerate(lines, 2):
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise CommandError(f"line {number} is no header field; expected NAME: VALUE")
        headers.append((name.lower(), value.strip()))
    return tuple(headers)


def _with_notes(request: Request) -> Captured:
    """Note what the capture says of its own body's length."""
    if "chunked" in (request.header("transfer-encoding") or "").lower():
        body = unchunked(request.body)
        if body is None:
            return Captured(request, (Finding(ok=True, title="says chunked, but the body is captured without chunks"),))
        joined = Request(request.method, request.target, request.headers, body)
        return Captured(joined, (Finding(ok=True, title=f"the chunks of the body were joined: {len(body)} bytes"),))
    length = request.header("content-length")
    if length is None or not re.fullmatch(r"\d{1,12}", length, re.ASCII):
        return Captured(request)
    if int(length) == len(request.body):
        return Captured(request, (Finding(ok=True, title=f"the body has the {length} bytes that were sent"),))
    advice = "the capture lost or gained bytes (an editor, a newline at the end, a cut paste): capture it as bytes"
    what = f"the captured body has {len(request.body)} bytes, Content-Length says {length}"
    return Captured(request, (Finding(ok=False, title=what, advice=advice),))


def unchunked(data: bytes) -> bytes | None:
    """Return the body of a chunked message (RFC 9112, 7.1), or None where it is not chunked."""
    body = b""
    while True:
        head, found, rest = data.partition(b"\r\n")
        size_text = head.partition(b";")[0].strip()
        if not found or not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size_text):
            return None
        size = int(size_text, 16)
        if size == 0:
            return body
        if rest[size : size + 2] != b"\r\n":
            return None
        body += rest[:size]
        data = rest[size + 2 :]
