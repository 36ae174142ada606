"""Who sent a request: HMAC-SHA256 over time, a dot, and the body."""

import hashlib
import hmac
import re
from collections.abc import Sequence

from providers.contract import Account, AccountError, Finding, Request, Secret, SecretPlaces, Verdict, Verification

SIGNATURE_HEADER = "acme-signature"
TIME_HEADER = "acme-time"
DEFAULT_TOLERANCE = 300.0
_TIME = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)


class AcmeVerifier:
    """Proves that Acme sent a request, with any of an account's secrets."""

    def __init__(self, secrets: Sequence[Secret], tolerance: float) -> None:
        self._secrets = tuple(secrets)
        self._tolerance = tolerance

    @property
    def secrets(self) -> SecretPlaces:
        """Nowhere: a signature is no secret."""
        return SecretPlaces()

    def verify(self, request: Request, now: float) -> Verification:
        """Return the verdict at `now` Unix seconds."""
        signature, time = request.header(SIGNATURE_HEADER), request.header(TIME_HEADER)
        if not signature:
            return Verification(Verdict.MISSING_SIGNATURE)
        if not time:
            return Verification(Verdict.MISSING_TIMESTAMP)
        if not _TIME.fullmatch(time):
            return Verification(Verdict.INVALID_TIMESTAMP)
        if abs(now - int(time)) > self._tolerance:
            return Verification(Verdict.TIMESTAMP_OUT_OF_TOLERANCE, skew=int(time) - now)
        given = signature.encode("utf-8", "surrogateescape")
        signed = time.encode() + b"." + request.body
        fitting = [secret for secret in self._secrets if hmac.compare_digest(_signature(secret, signed), given)]
        if not fitting:
            return Verification(Verdict.SIGNATURE_MISMATCH)
        return Verification(Verdict.VERIFIED, f"hmac:{fitting[0].origin}", int(time) - now)

    def explain(self, request: Request, now: float) -> Sequence[Finding]:
        """Return the verdict in words."""
        verdict = self.verify(request, now).verdict
        verified = verdict is Verdict.VERIFIED
        return (Finding(verified, "The request is genuine." if verified else f"The request is refused: {verdict}."),)


def verifier(account: Account) -> AcmeVerifier:
    """Return the verifier of an account. Raises AccountError where it has no secret, or an empty one."""
    secrets: Sequence[Secret] = account.settings.get("secrets") or ()
    if not secrets:
        raise AccountError(f"account {account.name!r} has no secrets: nobody could be proved")
    for secret in secrets:
        if not secret.value.strip():
            raise AccountError(f"account {account.name!r}: {secret.origin} is empty", Verdict.INVALID_KEY)
    return AcmeVerifier(secrets, float(account.settings.get("tolerance") or DEFAULT_TOLERANCE))


def _signature(secret: Secret, signed: bytes) -> bytes:
    return hmac.new(secret.value.strip().encode(), signed, hashlib.sha256).hexdigest().encode()
