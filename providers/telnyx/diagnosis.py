"""Why a signature does not hold: try what commonly goes wrong, and say what to do. Shows no secret and no body."""

import re
from collections.abc import Iterator, Sequence

from providers.contract import Finding, Request, Verdict, Verification
from providers.rewritings import Variant, rewritings
from providers.telnyx.keys import (
    SIGNATURE_BYTES,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    PublicKey,
    decode_exactly,
    verifies,
)

_RAW = "verify the bytes as they came, before anything parses or rewrites them, and look at proxies in between"
_KEY = "compare the key with the portal (Account, Keys & Credentials, Public Key): each Telnyx account has its own"


def explain(
    request: Request, now: float, keys: Sequence[PublicKey], tolerance: float, verification: Verification
) -> tuple[Finding, ...]:
    """Return what was found, step by step; the last finding is the verdict."""
    findings = [
        _signature_present(request),
        *_timestamp(request.header(TIMESTAMP_HEADER), now, tolerance),
        *_cryptography(request, keys),
    ]
    verified = verification.verdict is Verdict.VERIFIED
    title = "The request is genuine." if verified else f"The request is refused: {verification.verdict}."
    return (*findings, Finding(verified, title))


def _signature_present(request: Request) -> Finding:
    if request.header(SIGNATURE_HEADER):
        return Finding(ok=True, title=f"The header {SIGNATURE_HEADER} is there.")
    missing = f"The header {SIGNATURE_HEADER} is missing or empty."
    if request.header("x-telnyx-signature"):
        advice = 'this is an API v1 webhook: set webhook_api_version "2" in the messaging profile'
    elif request.header("webhook-signature"):
        advice = "this is signed as Standard Webhooks, which Telnyx does not use: another sender, or a relay that signs"
    else:
        advice = "let proxies pass the telnyx-* headers on; a request that never came from Telnyx has none"
    return Finding(ok=False, title=missing, advice=advice)


def _timestamp(text: str | None, now: float, tolerance: float) -> Iterator[Finding]:
    if not text:
        yield Finding(
            ok=False, title=f"The header {TIMESTAMP_HEADER} is missing or empty.", advice="let proxies pass it on"
        )
    elif not re.fullmatch(r"0|[1-9][0-9]{0,14}", text, re.ASCII):
        advice = "it has to be one whole number of Unix seconds; a header that came twice is joined and refused"
        yield Finding(ok=False, title="The timestamp is not a number of Unix seconds.", advice=advice)
    else:
        yield Finding(ok=True, title=f"The timestamp is readable: {text}.")
        yield _clock(int(text), now, tolerance)


def _clock(timestamp: int, now: float, tolerance: float) -> Finding:
    difference = now - timestamp
    seconds = f"{abs(difference):.0f} s"
    words = f"our clock is {seconds} {'ahead of' if difference > 0 else 'behind'} the timestamp"
    if abs(difference) <= tolerance:
        return Finding(ok=True, title=f"The time fits: {words}, {tolerance:.0f} s are allowed.")
    if timestamp > 100 * now:
        advice = "the number looks like milliseconds; Telnyx sends seconds"
    elif difference > 0:
        advice = "a captured request grows old; if live ones are refused, set this machine's clock by NTP"
    else:
        advice = "set this machine's clock by NTP"
    return Finding(ok=False, title=f"The time does not fit: {words}, {tolerance:.0f} s are allowed.", advice=advice)


def _cryptography(request: Request, keys: Sequence[PublicKey]) -> Iterator[Finding]:
    text = request.header(SIGNATURE_HEADER)
    if not text:
        return
    signature = decode_exactly(text, SIGNATURE_BYTES)
    if signature is None:
        yield _encoding(text)
        return
    yield Finding(ok=True, title="The signature is base64 of 64 bytes.")
    timestamp = (request.header(TIMESTAMP_HEADER) or "").encode("utf-8", "surrogateescape")
    if not timestamp:
        # It is part of what was signed: without it nothing can be said of keys and body.
        return
    maker = next((key for key in keys if verifies(key, timestamp + b"|" + request.body, signature)), None)
    cause = None if maker else _cause(request.body, timestamp, signature, keys)
    if maker is not None or not _is_cut_short(request):
        yield from (_tried(key, maker) for key in keys)
    if cause is not None:
        yield cause
    elif maker is None and not _is_cut_short(request):
        yield Finding(ok=False, title="No common change of the body explains it.", advice=f"{_KEY}; else {_RAW}")


def _is_cut_short(request: Request) -> bool:
    """Tell whether bytes of the body are missing: then that no key fits says nothing of the keys."""
    length = request.header("content-length") or ""
    return bool(re.fullmatch(r"[0-9]{1,12}", length, re.ASCII)) and len(request.body) < int(length)


def _encoding(text: str) -> Finding:
    if re.fullmatch(r"[0-9a-fA-F]{128}", text, re.ASCII):
        advice = "it is hexadecimal; something on the way re-encoded it, or the sender is not Telnyx"
    elif "," in text:
        advice = "the header came twice and was joined; find the proxy that doubles it"
    elif "-" in text or "_" in text:
        advice = "it uses the URL-safe alphabet; Telnyx uses the standard one with + and /"
    elif not text.endswith("="):
        advice = "the padding `==` is missing; look for a parser that strips it"
    else:
        advice = "it has to be the 88 characters that Telnyx sent, unchanged"
    return Finding(ok=False, title="The signature is not standard base64 of 64 bytes.", advice=advice)


def _tried(key: PublicKey, maker: PublicKey | None) -> Finding:
    if key is maker:
        return Finding(ok=True, title=f"Key {key.name} ({key.origin}) made this signature.")
    # With another key that fits, this one is only the older or the newer of the pair.
    return Finding(ok=maker is not None, title=f"Key {key.name} ({key.origin}) did not make this signature.")


def _cause(body: bytes, timestamp: bytes, signature: bytes, keys: Sequence[PublicKey]) -> Finding | None:
    def fits(signed: bytes) -> bool:
        return any(verifies(key, signed, signature) for key in keys)

    found = next((words for words, signed in _other_forms(body, timestamp) if fits(signed)), None)
    if found is not None:
        advice = "Telnyx signs the timestamp, a bar and the body; whoever made this request did not do it so"
        return Finding(ok=False, title=f"The signature was made over {found}.", advice=advice)
    found = next((words for words, variant in rewritings(body) if fits(timestamp + b"|" + variant)), None)
    if found is not None:
        return Finding(ok=False, title=f"The body was changed on the way: the signed one {found}.", advice=_RAW)
    return None


def _other_forms(body: bytes, timestamp: bytes) -> Iterator[Variant]:
    yield "the body alone, without the timestamp", body
    yield "the timestamp and the body with a dot between", timestamp + b"." + body
    yield "the timestamp and the body with nothing between", timestamp + body
