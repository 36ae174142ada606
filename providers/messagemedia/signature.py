"""Who sent a request: RSA over request line, date and body as they came, or else a shared secret in a header.

Source: README of this folder, "What is verified".
"""

from collections.abc import Sequence

from providers.base64_text import decode_strictly
from providers.contract import Account, Finding, Request, SecretPlaces, Verdict, Verification
from providers.messagemedia.proof.dates import http_date
from providers.messagemedia.proof.diagnosis import explain_secret, explain_signature
from providers.messagemedia.proof.keys import (
    CIPHER,
    CIPHER_HEADER,
    DATE_HEADER,
    DIGEST_HEADER,
    KEY_HEADER,
    SIGNATURE_HEADER,
    SIGNED_HEADERS,
    PublicKey,
    digest_of,
    key_id,
    verifies,
)
from providers.messagemedia.proof.proofs import Proofs, proofs_of
from providers.messagemedia.proof.secret_headers import prove
from providers.messagemedia.proof.signed_text import outer_target, signed_text


class MessageMediaVerifier:
    """Proves that MessageMedia sent a request, with any of an account's keys or secrets.

    With keys, a request that has a signature, or a part of one, is judged by that alone. A secret proves a request
    only where nothing of a signature is there, or where the account has no keys.
    """

    def __init__(self, proofs: Proofs) -> None:
        self._proofs = proofs
        self._keys = {key.id: key for key in proofs.keys}

    @property
    def secrets(self) -> SecretPlaces:
        """The headers with the shared secrets. A signature is no secret."""
        return SecretPlaces(headers=frozenset(secret.name for secret in self._proofs.secrets))

    def verify(self, request: Request, now: float) -> Verification:
        """Return the verdict at `now` Unix seconds. Never raises, whatever the bytes."""
        if self._by_signature(request):
            return self._signed(request, now)
        return prove(request, self._proofs.secrets)

    def explain(self, request: Request, now: float) -> Sequence[Finding]:
        """Return step by step why the request verifies or not, trying what commonly goes wrong."""
        if self._by_signature(request):
            findings = explain_signature(request, now, self._proofs)
        else:
            findings = explain_secret(request, self._proofs)
        verdict = self.verify(request, now).verdict
        verified = verdict is Verdict.VERIFIED
        title = "The request is genuine." if verified else f"The request is refused: {verdict}."
        return (*findings, Finding(verified, title))

    def _by_signature(self, request: Request) -> bool:
        if not self._proofs.secrets:
            return True
        return bool(self._keys) and any(request.header(name) is not None for name in SIGNED_HEADERS)

    def _signed(self, request: Request, now: float) -> Verification:
        signature, date = request.header(SIGNATURE_HEADER), request.header(DATE_HEADER)
        refusal = self._refusal(signature, date, now)
        if refusal is not None or signature is None or date is None:
            skew = _skew(date, now) if refusal is Verdict.TIMESTAMP_OUT_OF_TOLERANCE else None
            return Verification(refusal or Verdict.MISSING_SIGNATURE, skew=skew)
        key = self._keys.get(key_id(request.header(KEY_HEADER) or ""))
        refusal = Verdict.UNKNOWN_KEY if key is None else _other_method(request, key)
        if refusal is not None or key is None:
            return Verification(refusal or Verdict.UNKNOWN_KEY)
        decoded = decode_strictly(signature)
        if decoded is None or len(decoded) != key.size:
            return Verification(Verdict.INVALID_SIGNATURE_ENCODING)
        target = outer_target(request.target, self._proofs.outer_path)
        if not verifies(key, signed_text(request.method, target, date, request.body), decoded):
            return Verification(Verdict.SIGNATURE_MISMATCH)
        return Verification(Verdict.VERIFIED, f"rsa:{key.id}", _skew(date, now))

    def _refusal(self, signature: str | None, date: str | None, now: float) -> Verdict | None:
        if not signature:
            return Verdict.MISSING_SIGNATURE
        if not date:
            return Verdict.MISSING_TIMESTAMP
        moment = http_date(date)
        if moment is None:
            return Verdict.INVALID_TIMESTAMP
        return None if abs(now - moment) <= self._proofs.tolerance else Verdict.TIMESTAMP_OUT_OF_TOLERANCE


def verifier(account: Account) -> MessageMediaVerifier:
    """Return the verifier of an account.

    Raises AccountError where it has neither key nor secret, a malformed one, or a setting that makes no sense.
    """
    return MessageMediaVerifier(proofs_of(account))


def _skew(date: str | None, now: float) -> float | None:
    moment = http_date(date or "")
    return None if moment is None else moment - now


def _other_method(request: Request, key: PublicKey) -> Verdict | None:
    """Tell whether the request names another way of signing than the one that the stored key has."""
    if (request.header(CIPHER_HEADER) or "").strip().upper() != CIPHER:
        return Verdict.UNSUPPORTED_CIPHER
    return None if digest_of(request.header(DIGEST_HEADER) or "") is key.digest else Verdict.DIGEST_MISMATCH
