"""Who sent a request: Ed25519 over the timestamp, a bar, and the body as it came.

Source: README, section 1; the order of checks is that of Telnyx's Python SDK.
"""

import math
import re
from collections.abc import Sequence

from providers.contract import Account, AccountError, Finding, Request, SecretPlaces, Verdict, Verification
from providers.telnyx.diagnosis import explain
from providers.telnyx.keys import (
    SIGNATURE_BYTES,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    PublicKey,
    decode_exactly,
    public_keys_of,
    verifies,
)

DEFAULT_TOLERANCE = 300.0
# int() also takes signs, underscores and foreign digits, and refuses very long texts with an exception.
_TIMESTAMP = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_LONGEST_TIMESTAMP = 15


class TelnyxVerifier:
    """Proves that Telnyx sent a request, with any of an account's keys."""

    def __init__(self, keys: Sequence[PublicKey], tolerance: float = DEFAULT_TOLERANCE) -> None:
        self._keys = tuple(keys)
        self._tolerance = tolerance

    @property
    def secrets(self) -> SecretPlaces:
        """Nowhere: a signature is no secret."""
        return SecretPlaces()

    def verify(self, request: Request, now: float) -> Verification:
        """Return the verdict at `now` Unix seconds. Never raises, whatever the bytes."""
        signature = request.header(SIGNATURE_HEADER)
        timestamp = request.header(TIMESTAMP_HEADER)
        refusal = self._refusal(signature, timestamp, now)
        if refusal is not None or signature is None or timestamp is None:
            return Verification(refusal or Verdict.MISSING_SIGNATURE, skew=_skew(refusal, timestamp, now))
        decoded = decode_exactly(signature, SIGNATURE_BYTES)
        if decoded is None:
            return Verification(Verdict.INVALID_SIGNATURE_ENCODING)
        signed = timestamp.encode("ascii") + b"|" + request.body
        name = next((key.name for key in self._keys if verifies(key, signed, decoded)), None)
        if name is None:
            return Verification(Verdict.SIGNATURE_MISMATCH)
        return Verification(Verdict.VERIFIED, name, int(timestamp) - now)

    def explain(self, request: Request, now: float) -> Sequence[Finding]:
        """Return step by step why the request verifies or not, trying what commonly goes wrong."""
        return explain(request, now, self._keys, self._tolerance, self.verify(request, now))

    def _refusal(self, signature: str | None, timestamp: str | None, now: float) -> Verdict | None:
        if not signature:
            return Verdict.MISSING_SIGNATURE
        if not timestamp:
            return Verdict.MISSING_TIMESTAMP
        if not _TIMESTAMP.fullmatch(timestamp):
            return Verdict.INVALID_TIMESTAMP
        if len(timestamp) > _LONGEST_TIMESTAMP or abs(now - int(timestamp)) > self._tolerance:
            return Verdict.TIMESTAMP_OUT_OF_TOLERANCE
        return None


def verifier(account: Account) -> TelnyxVerifier:
    """Return the verifier of an account.

    Raises AccountError where it has no usable key or a tolerance that makes no sense.
    """
    return TelnyxVerifier(public_keys_of(account), _tolerance_of(account))


def _skew(refusal: Verdict | None, timestamp: str | None, now: float) -> float | None:
    if refusal is not Verdict.TIMESTAMP_OUT_OF_TOLERANCE or timestamp is None or len(timestamp) > _LONGEST_TIMESTAMP:
        return None
    return int(timestamp) - now


def _tolerance_of(account: Account) -> float:
    value = account.settings.get("tolerance")
    if value is None:
        return DEFAULT_TOLERANCE
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise AccountError(f"account {account.name!r}: tolerance must be a number of seconds above 0")
    return float(value)
