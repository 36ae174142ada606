"""The public signature keys of an account, checked once when it is loaded, and the form of a signature."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA224, SHA256, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from providers.base64_text import decode_strictly
from providers.contract import Account, AccountError, Secret, Verdict

SIGNATURE_HEADER = "x-messagemedia-signature"
DIGEST_HEADER = "x-messagemedia-digest-type"
CIPHER_HEADER = "x-messagemedia-cipher-type"
KEY_HEADER = "x-messagemedia-key-id"
DATE_HEADER = "date"
SIGNED_HEADERS = (SIGNATURE_HEADER, DIGEST_HEADER, CIPHER_HEADER, KEY_HEADER)
"""What marks a request as signed. Every request may have a `Date`."""

CIPHER = "RSA"
SMALLEST_KEY = 1024
"""Bits. The key in the provider's documentation has this size, others that were published 2048."""

_DIGEST = re.compile(r"sha-?(224|256|512)", re.IGNORECASE | re.ASCII)
_WHERE = "the API shows public_key once, when the key is created; `hookline setup ACCOUNT` creates and keeps one"


class Digest(StrEnum):
    """The digests that a signature key can have."""

    SHA224 = "SHA224"
    SHA256 = "SHA256"
    SHA512 = "SHA512"

    @property
    def algorithm(self) -> HashAlgorithm:
        """The hash function."""
        return _ALGORITHMS[self]


_ALGORITHMS: Mapping[Digest, HashAlgorithm] = {
    Digest.SHA224: SHA224(),
    Digest.SHA256: SHA256(),
    Digest.SHA512: SHA512(),
}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that can verify. `id` is MessageMedia's, in lower case; `origin` says where the configuration has it."""

    id: str
    digest: Digest
    origin: str
    key: RSAPublicKey = field(repr=False)

    @property
    def size(self) -> int:
        """The bytes of a signature that it makes."""
        return (self.key.key_size + 7) // 8


def public_keys_of(account: Account) -> tuple[PublicKey, ...]:
    """Return the keys of the account's `keys`, none where it has none.

    Raises AccountError, with reason INVALID_KEY where a key is malformed.
    """
    tables: Sequence[Mapping[str, Any]] = tuple(account.settings.get("keys") or ())
    keys = tuple(_public_key(account.name, place, table) for place, table in enumerate(tables, 1))
    ids = [key.id for key in keys]
    for key in keys:
        if ids.count(key.id) > 1:
            raise AccountError(f"account {account.name!r}: two keys have the id {key.id!r}", Verdict.INVALID_KEY)
    return keys


def digest_of(text: str) -> Digest | None:
    """Return the digest that a text names, with or without the hyphen and in any case; None for any other text."""
    found = _DIGEST.fullmatch(text.strip())
    return Digest(f"SHA{found[1]}") if found else None


def key_id(text: str) -> str:
    """Return a key's id as ids are compared: a UUID is the same in upper case."""
    return text.strip().lower()


def verifies(key: PublicKey, signed: bytes, signature: bytes) -> bool:
    """Return whether that key made that signature over those bytes (RSASSA-PKCS1-v1_5, RFC 8017, 8.2)."""
    try:
        key.key.verify(signature, signed, PKCS1v15(), key.digest.algorithm)
    except InvalidSignature:
        return False
    return True


def _public_key(account: str, place: int, table: Mapping[str, Any]) -> PublicKey:
    name = key_id(str(table.get("id") or ""))
    if not name:
        raise AccountError(f"account {account!r}: entry {place} of keys has no id; it is a UUID", Verdict.INVALID_KEY)
    digest = digest_of(str(table.get("digest") or Digest.SHA256))
    if digest is None:
        known = ", ".join(Digest)
        raise AccountError(f"account {account!r}: key {name}: no such digest; there are: {known}", Verdict.INVALID_KEY)
    secret = table.get("public_key")
    if not isinstance(secret, Secret) or not secret.value.strip():
        raise AccountError(f"account {account!r}: key {name} has no public_key; {_WHERE}", Verdict.INVALID_KEY)
    key = _rsa_key(secret.value)
    if isinstance(key, str):
        fault = f"account {account!r}: key {name}: {secret.origin} {key}; {_WHERE}"
        raise AccountError(fault, Verdict.INVALID_KEY)
    return PublicKey(name, digest, secret.origin, key)


def _rsa_key(text: str) -> RSAPublicKey | str:
    """Return the key of a base64 text, or what is wrong with it, without showing it."""
    if "-----BEGIN" in text:
        return "is PEM text, where the base64 between its first and last line is wanted"
    # An editor may have broken the one long line into several.
    data = decode_strictly("".join(text.split()))
    if not data:
        return "is not base64"
    try:
        key = load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        return "is base64 of something else than a public key (DER, SubjectPublicKeyInfo)"
    if not isinstance(key, RSAPublicKey):
        return "is a public key of another kind than RSA"
    if key.key_size < SMALLEST_KEY:
        return f"is an RSA key of {key.key_size} bits, where {SMALLEST_KEY} are the least"
    return key
