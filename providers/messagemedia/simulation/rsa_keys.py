"""RSA key pairs that a seed gives, and the account's signature keys.

The pairs protect nothing: whoever has the seed has the keys. OpenSSL makes none from a seed, so the primes are found
here; `cryptography` checks the pair and signs.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from providers.fiction import Fiction

DIGESTS: Mapping[str, hashes.HashAlgorithm] = {
    "SHA224": hashes.SHA224(),
    "SHA256": hashes.SHA256(),
    "SHA512": hashes.SHA512(),
}
"""The digests that a key can be made for, by the provider's names."""

_EXPONENT = 65537
_SMALL_PRIMES = tuple(
    number for number in range(3, 2000) if all(number % factor for factor in range(2, int(number**0.5) + 1))
)


@dataclass(frozen=True, slots=True)
class SignatureKey:
    """One signature key of the account."""

    id: str
    digest: str
    created: float
    private: rsa.RSAPrivateKey = field(repr=False)

    @property
    def public(self) -> str:
        """The public key as the provider gives it: base64 of DER, SubjectPublicKeyInfo."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        der = self.private.public_key().public_bytes(serialization.Encoding.DER, form)
        return base64.b64encode(der).decode("ascii")

    def sign(self, signed: bytes) -> str:
        """Return the signature of these bytes in base64 (RSASSA-PKCS1-v1_5)."""
        return base64.b64encode(self.private.sign(signed, padding.PKCS1v15(), DIGESTS[self.digest])).decode("ascii")


class KeyRing:
    """The account's keys, of which at most one is enabled. It begins with one that is."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._fiction = Fiction(Random(seed))  # noqa: S311 - names of a simulation
        self._keys: dict[str, SignatureKey] = {}
        first = self._make("SHA256", 2048, 0.0)
        self.enabled: SignatureKey | None = first
        self.first = first

    def stranger(self) -> SignatureKey:
        """Return a pair that is not the account's, under the id of the one that is enabled."""
        named = self.enabled or self.first
        return replace(named, private=private_key(self._seed + b"stranger", 1024))

    def create(self, digest: str, now: float) -> SignatureKey:
        """Make a key, not enabled yet."""
        return self._make(digest, 1024, now)

    def find(self, key_id: object) -> SignatureKey | None:
        """Return the key of that id."""
        return self._keys.get(key_id) if isinstance(key_id, str) else None

    def every(self) -> Sequence[SignatureKey]:
        """Return all keys, the newest first."""
        return list(self._keys.values())[::-1]

    def delete(self, key: SignatureKey) -> None:
        """Forget a key; it is enabled no more."""
        del self._keys[key.id]
        if self.enabled == key:
            self.enabled = None

    def _make(self, digest: str, bits: int, now: float) -> SignatureKey:
        key_id = self._fiction.uuid()
        key = SignatureKey(key_id, digest, now, private_key(self._seed + key_id.encode(), bits))
        self._keys[key_id] = key
        return key


@lru_cache(maxsize=64)
def private_key(seed: bytes, bits: int) -> rsa.RSAPrivateKey:
    """Return the pair that a seed gives."""
    random = Random(hashlib.sha256(seed).digest())  # noqa: S311 - a key that protects nothing
    p, q = _prime(random, bits // 2), _prime(random, bits // 2)
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(_EXPONENT, p * q),
    ).private_key()


def _prime(random: Random, bits: int) -> int:
    """Return a prime with both upper bits set, so that two of them multiply to the full length."""
    while True:
        found = random.getrandbits(bits) | (3 << (bits - 2)) | 1
        if all(found % prime for prime in _SMALL_PRIMES) and pow(2, found - 1, found) == 1 and found % _EXPONENT != 1:
            return found
