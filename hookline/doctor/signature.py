"""Why a captured request verifies or not.

The provider's own explanation goes step by step. Where the bytes do not fit the signature, the usual accidents are
tried backwards: if the request verifies after one of them is undone, that accident is what happened.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import orjson

from hookline.doctor.captured import Captured
from providers.contract import Finding, Request, Verdict, Verification, Verifier

_SAME = "pass body bytes on unchanged, and verify before anything parses them"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict and what led to it. Shows no secret."""

    verification: Verification
    findings: tuple[Finding, ...]

    @property
    def verified(self) -> bool:
        """Whether the sender is proved."""
        return self.verification.verdict is Verdict.VERIFIED


def explain(verifier: Verifier, captured: Captured, now: float) -> Explanation:
    """Return the verdict on a captured request at `now` Unix seconds, and why."""
    verification = verifier.verify(captured.request, now)
    findings = (*captured.notes, *verifier.explain(captured.request, now))
    if verification.verdict is Verdict.SIGNATURE_MISMATCH:
        findings = (*findings, *_accidents(verifier, captured.request, now))
    return Explanation(verification, findings)


def _accidents(verifier: Verifier, request: Request, now: float) -> Iterator[Finding]:
    for what, body in variants(request):
        found = verifier.verify(replace(request, body=body), now)
        if found.verdict is Verdict.VERIFIED:
            yield Finding(ok=False, title=f"the request verifies {what}", advice=_SAME)
            return


def variants(request: Request) -> Iterator[tuple[str, bytes]]:
    """Yield other bodies that the sender may have signed, each with what undoes the accident."""
    body = request.body
    length = request.header("content-length")
    if length is not None and length.isascii() and length.isdigit() and int(length) < len(body):
        yield f"when the body is cut to the {length} bytes of Content-Length: something was added", body[: int(length)]
    stripped = body.rstrip(b"\r\n")
    yield "without the newline at the end of the body: something added it", stripped
    yield "with a newline at the end of the body: something removed it", stripped + b"\n"
    yield "with CR LF at the end of the body: something removed it", stripped + b"\r\n"
    unix = body.replace(b"\r\n", b"\n")
    yield "with LF line ends: something turned them into CR LF", unix
    yield "with LF line ends and no newline at the end", unix.rstrip(b"\n")
    yield "with CR LF line ends: something turned them into LF", unix.replace(b"\n", b"\r\n")
    yield "without the byte order mark before the body: something added it", body.removeprefix(b"\xef\xbb\xbf")
    yield from _rewritten(body)


def _rewritten(body: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    what = "when its JSON is written {}: something parsed the body and wrote it anew"
    yield what.format("without spaces"), orjson.dumps(value)
    yield what.format("without spaces, keys sorted"), orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    yield what.format("with a space after commas and colons"), json.dumps(value).encode()
    yield what.format("with spaces, as UTF-8"), json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    yield what.format("without spaces, as ASCII"), json.dumps(value, separators=(",", ":")).encode()
    yield what.format("over several lines"), orjson.dumps(value, option=orjson.OPT_INDENT_2)
