"""What programs on the way commonly do to a body, undone one by one: for finding why a signature does not hold."""

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any

Variant = tuple[str, bytes]
"""What the signed body was, in words that follow `the signed one`, and its bytes."""


def rewritings(body: bytes) -> Iterator[Variant]:
    """Yield what the body may have been before something changed it. Never raises, whatever the bytes."""
    yield from _line_ends("", body)
    yield "had no space around it", body.strip()
    yield "began with a byte order mark", b"\xef\xbb\xbf" + body
    yield "had no byte order mark", body.removeprefix(b"\xef\xbb\xbf")
    decoded = _from_base64(body)
    if decoded is not None:
        yield "was this text decoded from base64", decoded
    yield from _rewritten(body)


def _from_base64(body: bytes) -> bytes | None:
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return None


def _line_ends(prefix: str, body: bytes) -> Iterator[Variant]:
    bare = body.rstrip(b"\r\n")
    unix = body.replace(b"\r\n", b"\n")
    yield f"{prefix}had no line end at its end", bare
    yield f"{prefix}ended in a line feed", bare + b"\n"
    yield f"{prefix}ended in CR LF", bare + b"\r\n"
    yield f"{prefix}had LF where this one has CR LF", unix
    yield f"{prefix}had CR LF where this one has LF", unix.replace(b"\n", b"\r\n")


def _rewritten(body: bytes) -> Iterator[Variant]:
    try:
        value = json.loads(body)
        yield from _spelled(value)
    except (ValueError, RecursionError):
        return


def _spelled(value: Any) -> Iterator[Variant]:
    layouts: tuple[tuple[str, dict[str, Any]], ...] = (
        ("was compact JSON", {"separators": (",", ":")}),
        ("was JSON with spaces after commas and colons", {}),
        ("was indented by two spaces", {"indent": 2}),
        ("was indented by four spaces", {"indent": 4}),
    )
    for layout, options in layouts:
        for order, sort_keys in (("", False), (", with sorted keys", True)):
            for letters, ascii_only in ((", with letters as they are", False), (", with \\u escapes", True)):
                text = json.dumps(value, sort_keys=sort_keys, ensure_ascii=ascii_only, **options)
                yield from _slashes(layout + order + letters, text.encode("utf-8", "replace"))


def _slashes(words: str, spelled: bytes) -> Iterator[Variant]:
    """Yield the spelling, and the one of writers that escape slashes, as PHP does."""
    for more, variant in (("", spelled), (", with slashes as \\/", spelled.replace(b"/", b"\\/"))):
        if not more or variant != spelled:
            yield words + more, variant
            yield from _line_ends(f"{words}{more}, and ", variant)
