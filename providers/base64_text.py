"""Base64 as proofs have it: one text for the same bytes, and no other (RFC 4648, 3.5)."""

import base64
import binascii


def decode_strictly(text: str) -> bytes | None:
    """Return the bytes of standard base64 with padding, None for anything else.

    Only the one canonical text of those bytes passes: base64 can hide bits in its last character.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode("ascii") == text else None
