"""Deterministic ids: what is the same event gets the same id, whichever way it came."""

import hashlib

import orjson


def event_id(account: str, kind: str, provider_id: str, recipient: str | None = None) -> str:
    """Return the id of an event: SHA-256 over its identity, cut to 32 hexadecimal digits.

    The parts are joined as a JSON array, so that no choice of parts can imitate another. Nothing else
    enters: not the time, the attempt, the URL or the order of keys. `kind` is the event's `ce_type`.
    """
    return digest_id(account, kind, provider_id, recipient)


def digest_id(*parts: str | None) -> str:
    """Return 32 hexadecimal digits of SHA-256 over the JSON array of the parts."""
    # Lone surrogates are legal in a Python text and not in JSON; they must not cost us an event.
    clean = [part if part is None else part.encode("utf-8", "replace").decode() for part in parts]
    return hashlib.sha256(orjson.dumps(clean)).hexdigest()[:32]
