"""The shared secrets of an account: header fields that a custom webhook carries, for accounts without signatures."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from providers.contract import Account, AccountError, Request, Secret, Verdict, Verification

DEFAULT_HEADER = "x-hookline-secret"
LONGEST_VALUE = 1000
"""Characters of a webhook header's value at MessageMedia; a name has 200 at most."""

_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,200}", re.ASCII)
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)
# What a webhook says of itself: as the name of a secret it would vanish from the records, or be no secret.
_TAKEN = frozenset({"content-length", "content-type", "date", "host", "transfer-encoding"})
_SIGNED_PREFIX = "x-messagemedia-"


@dataclass(frozen=True, slots=True)
class SecretHeader:
    """One secret: the header's name in lower case, and a label that says which one without showing it."""

    name: str
    label: str
    origin: str
    value: bytes = field(repr=False)


def secret_headers_of(account: Account) -> tuple[SecretHeader, ...]:
    """Return the secrets of the account's `secret_header`, none where it has none.

    Raises AccountError for one that no webhook could carry.
    """
    given: Sequence[Secret | Mapping[str, object]] = tuple(account.settings.get("secret_header") or ())
    return tuple(_secret_header(account.name, place, item) for place, item in enumerate(given, 1))


def prove(request: Request, secrets: Sequence[SecretHeader]) -> Verification:
    """Return whether the request carries one of the secrets. Takes the same time whichever it misses."""
    found = [_matches(request, secret) for secret in secrets]
    label = next((secret.label for secret, fits in zip(secrets, found, strict=True) if fits), None)
    if label is not None:
        return Verification(Verdict.VERIFIED, label)
    there = any(request.header(secret.name) is not None for secret in secrets)
    return Verification(Verdict.WRONG_SECRET if there else Verdict.MISSING_SECRET)


def _matches(request: Request, secret: SecretHeader) -> bool:
    said = request.header(secret.name) or ""
    # Digests are of one length, so that no comparison tells the secret's.
    return hmac.compare_digest(_digest(said.encode("utf-8", "surrogatepass")), _digest(secret.value))


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _secret_header(account: str, place: int, item: Secret | Mapping[str, object]) -> SecretHeader:
    table: Mapping[str, object] = {"value": item} if isinstance(item, Secret) else item
    name = str(table.get("name") or DEFAULT_HEADER).strip().lower()
    if not _NAME.fullmatch(name) or name in _TAKEN or name.startswith(_SIGNED_PREFIX):
        raise AccountError(f"account {account!r}: secret_header {place}: {name!r} cannot name a header with a secret")
    secret = table.get("value")
    if not isinstance(secret, Secret) or not secret.value:
        raise AccountError(f"account {account!r}: secret_header {place} has no value")
    if not _VALUE.fullmatch(secret.value) or len(secret.value) > LONGEST_VALUE:
        what = f"{secret.origin} cannot stand in a header: visible ASCII, {LONGEST_VALUE} characters at most"
        raise AccountError(f"account {account!r}: secret_header {place}: {what}", Verdict.INVALID_KEY)
    return SecretHeader(name, f"secret:{name}#{place}", secret.origin, secret.value.encode("ascii"))
