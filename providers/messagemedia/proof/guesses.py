"""What a signature may have been made over, other than what came: guesses for the explanation of a mismatch."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from providers.contract import Request
from providers.messagemedia.proof.keys import DATE_HEADER
from providers.messagemedia.proof.proofs import Proofs
from providers.messagemedia.proof.signed_text import VERSION, outer_target, plain_bytes, request_line
from providers.rewritings import rewritings

RAW = "verify the bytes as they came, before anything parses or rewrites them, and look at proxies in between"
_OUTER = "set outer_path of the account to the path that MessageMedia posts to"
_SCHEME = "MessageMedia signs request line, date and body without separators; whoever made this request does not"
# Where proxies leave the target that they were asked for.
_ORIGINAL_TARGET = (
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
    "x-forwarded-uri",
    "x-forwarded-path",
    "x-envoy-original-path",
)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_VERSIONS = ("HTTP/1.0", "HTTP/2", "HTTP/2.0", "HTTP/3")


@dataclass(frozen=True, slots=True)
class Guess:
    """What was signed in words, what to do if that is so, and its bytes."""

    title: str
    advice: str
    signed: bytes = field(repr=False)


def guesses(request: Request, proofs: Proofs) -> Iterator[Guess]:
    """Yield what commonly goes wrong, the likeliest first."""
    date = plain_bytes(request.header(DATE_HEADER) or "")
    target = outer_target(request.target, proofs.outer_path)
    line = request_line(request.method, target)
    for words, other in _targets(request, target):
        signed = request_line(request.method, other) + date + request.body
        yield Guess(f"The signed line has another target: {words}.", _OUTER, signed)
    for words, body in rewritings(request.body):
        yield Guess(f"The body was changed on the way: the signed one {words}.", RAW, line + date + body)
    yield from _lines(request, target, date)
    yield from _joined(line, date, request.body)


def _targets(request: Request, target: str) -> Iterator[tuple[str, str]]:
    if target != request.target:
        yield "the one that came here, so outer_path is not right", request.target
    yield from _from_headers(request)
    url = _callback_url(request.body)
    if url is not None:
        yield "the one of the callback_url in the body", url
    yield from _respelled(target)
    yield from _full_urls(request, target)


def _from_headers(request: Request) -> Iterator[tuple[str, str]]:
    for name in _ORIGINAL_TARGET:
        value = request.header(name)
        if value:
            yield f"the one in the header {name}", value
            yield f"the one in the header {name}, with the query", outer_target(request.target, value)
    prefix = request.header("x-forwarded-prefix")
    if prefix:
        yield "with the prefix in the header x-forwarded-prefix", prefix.rstrip("/") + request.target


def _callback_url(body: bytes) -> str | None:
    try:
        value = json.loads(body)
        parts = urlsplit(value["callback_url"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if not isinstance(parts.path, str):
        return None
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _respelled(target: str) -> Iterator[tuple[str, str]]:
    path, mark, query = target.partition("?")
    rest = mark + query
    yield "without the query", path
    yield "with a slash at the end of the path", f"{path}/{rest}"
    yield "without the slash at the end of the path", path.rstrip("/") + rest
    yield "with percent-escapes undone", unquote(target, errors="surrogateescape")
    yield "with characters percent-escaped", quote(target, safe="/?&=%+:@,;~", errors="surrogatepass")
    yield "with blanks as plus signs", target.replace("%20", "+")
    yield "with plus signs as %20", target.replace("+", "%20")
    yield "the root path", f"/{rest}"
    segments = path.split("/")
    for start in range(2, min(len(segments), 8)):
        yield f"without the first {start - 1} segments of the path", "/" + "/".join(segments[start:]) + rest


def _full_urls(request: Request, target: str) -> Iterator[tuple[str, str]]:
    for name in ("x-forwarded-host", "host"):
        host = request.header(name)
        if host:
            yield f"a whole URL with the host in {name}", f"https://{host}{target}"
            yield f"a whole URL with the host in {name}, by http", f"http://{host}{target}"


def _lines(request: Request, target: str, date: bytes) -> Iterator[Guess]:
    for method in _METHODS:
        if method != request.method:
            advice = "a proxy or a redirect changed the method: let the original one through"
            signed = request_line(method, target) + date + request.body
            yield Guess(f"The signed line has another method: {method}.", advice, signed)
    for version in _VERSIONS:
        signed = request_line(request.method, target, version) + date + request.body
        yield Guess(f"The signed line says {version}, where MessageMedia always says {VERSION}.", _SCHEME, signed)


def _joined(line: bytes, date: bytes, body: bytes) -> Iterator[Guess]:
    forms = (
        ("the body alone", body),
        ("line, date and body with line feeds between", b"\n".join((line, date, body))),
        ("line, date and body with CR LF between", b"\r\n".join((line, date, body))),
        ("line, date and body with blanks between", b" ".join((line, date, body))),
        ("the line and the body, without the date", line + body),
        ("the date and the body, without the line", date + body),
        ("the line and the date, without the body", line + date),
        ("line, date and body with the name of the header Date", line + b"Date: " + date + body),
    )
    for words, signed in forms:
        yield Guess(f"The signature was made over {words}.", _SCHEME, signed)
