"""The public keys of an account, checked once when it is loaded, and the form of a signature."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field

from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from providers.base64_text import decode_strictly
from providers.contract import Account, AccountError, Secret, Verdict

SIGNATURE_HEADER = "telnyx-signature-ed25519"
TIMESTAMP_HEADER = "telnyx-timestamp"
SIGNATURE_BYTES = 64
KEY_BYTES = 32
_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_WHERE = "copy the base64 text (44 characters) from the portal: Account, Keys & Credentials, Public Key"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that can verify. `name` is a fingerprint, `origin` the reference in the configuration."""

    name: str
    origin: str
    key: VerifyKey = field(repr=False)


def public_keys_of(account: Account) -> tuple[PublicKey, ...]:
    """Return the keys of the account's `public_keys`.

    Raises AccountError with reason NOT_CONFIGURED where there is none, INVALID_KEY where one is malformed.
    """
    configured: tuple[Secret, ...] = tuple(account.settings.get("public_keys") or ())
    if not configured:
        raise AccountError(f"account {account.name!r} has no public_keys: nobody could be proved; {_WHERE}")
    return tuple(_public_key(account.name, secret) for secret in configured)


def decode_exactly(text: str, length: int) -> bytes | None:
    """Return the bytes of canonical base64, None for anything else or another length."""
    data = decode_strictly(text)
    return data if data is not None and len(data) == length else None


def verifies(key: PublicKey, signed: bytes, signature: bytes) -> bool:
    """Return whether that key made that signature over those bytes."""
    try:
        key.key.verify(signed, signature)
    except BadSignatureError:
        return False
    return True


def _public_key(account: str, secret: Secret) -> PublicKey:
    text = secret.value.strip()
    if not text:
        raise AccountError(f"account {account!r}: the public key {secret.origin} is empty; {_WHERE}")
    data = decode_exactly(text, KEY_BYTES)
    if data is None:
        raise AccountError(f"account {account!r}: {secret.origin} {_fault(text)}; {_WHERE}", Verdict.INVALID_KEY)
    if not crypto_core_ed25519_is_valid_point(data):
        raise AccountError(
            f"account {account!r}: {secret.origin} is 32 bytes, yet no Ed25519 public key; {_WHERE}",
            Verdict.INVALID_KEY,
        )
    return PublicKey(f"ed25519:{hashlib.sha256(data).hexdigest()[:8]}", secret.origin, VerifyKey(data))


def _fault(text: str) -> str:
    """Say what a text is that should be a key, without showing it."""
    if text.startswith("-----BEGIN"):
        return "is PEM text, where Telnyx's raw key is wanted"
    if _HEX_KEY.fullmatch(text):
        return "is hexadecimal, where base64 is wanted"
    try:
        length = len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return "is not base64"
    return f"decodes to {length} bytes, where a key has {KEY_BYTES}"
