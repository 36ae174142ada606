"""Why a proof does not hold: try what commonly goes wrong, and say what to do. Shows no secret and no body."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA384, Hash, HashAlgorithm

from providers.base64_text import decode_strictly
from providers.contract import Finding, Request, Verdict
from providers.messagemedia.proof.dates import http_date
from providers.messagemedia.proof.guesses import RAW, guesses
from providers.messagemedia.proof.keys import (
    CIPHER,
    CIPHER_HEADER,
    DATE_HEADER,
    DIGEST_HEADER,
    KEY_HEADER,
    SIGNATURE_HEADER,
    SIGNED_HEADERS,
    Digest,
    PublicKey,
    digest_of,
    key_id,
)
from providers.messagemedia.proof.proofs import Proofs
from providers.messagemedia.proof.secret_headers import prove
from providers.messagemedia.proof.signed_text import outer_target, signed_text

_PASS_ON = "let proxies pass it on"  # noqa: S105 - advice, no password
_NTP = "set this machine's clock by NTP"
_SWITCHED_ON = "MessageMedia signs only where support has switched the feature on and a key is enabled"
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{256,}", re.ASCII)
_MASKED = "=REDACTED"
_DIGESTS: Mapping[str, HashAlgorithm] = {
    **{digest.value: digest.algorithm for digest in Digest},
    "SHA1": SHA1(),  # noqa: S303 - to name what somebody used, not to trust it
    "SHA384": SHA384(),
}


@dataclass(frozen=True, slots=True)
class _Maker:
    """The key that made a signature, with which digest, and over which hash: what its padding tells by itself."""

    key: PublicKey
    digest: str
    hashed: bytes = field(repr=False)

    def signed(self, data: bytes) -> bool:
        """Tell whether the signature was made over those bytes."""
        hasher = Hash(_DIGESTS[self.digest])
        hasher.update(data)
        return hasher.finalize() == self.hashed


def explain_secret(request: Request, proofs: Proofs) -> Iterator[Finding]:
    """Yield what there is to say of a request that a secret has to prove."""
    found = prove(request, proofs.secrets)
    for name in dict.fromkeys(secret.name for secret in proofs.secrets):
        there = request.header(name) is not None
        advice = "" if there else "custom webhooks carry it if their `headers` name it; a record of Hookline never does"
        yield Finding(there, f"The header {name} is {'there' if there else 'missing'}.", advice)
    if found.verdict is Verdict.WRONG_SECRET:
        title = "It holds none of the account's secrets."
        yield Finding(ok=False, title=title, advice="compare it with the webhook at MessageMedia; a repeated one fails")
    for secret in proofs.secrets:
        if secret.label == found.key:
            yield Finding(ok=True, title=f"It is the secret {secret.label} ({secret.origin}).")
    if any(request.header(name) for name in SIGNED_HEADERS):
        title = "The request is signed too, and the account has no keys to check that with."
        yield Finding(ok=True, title=title, advice="a signature proves more than a secret: store the key in `keys`")
    elif found.verdict is Verdict.MISSING_SECRET:
        title = "A callback_url notification carries no header of ours."
        yield Finding(ok=False, title=title, advice="only signatures prove it: set `keys`")


def explain_signature(request: Request, now: float, proofs: Proofs) -> Iterator[Finding]:
    """Yield what there is to say of a request that a signature has to prove."""
    yield from _present(request)
    yield _date(request.header(DATE_HEADER), now, proofs.tolerance)
    named = key_id(request.header(KEY_HEADER) or "")
    claimed = next((key for key in proofs.keys if key.id == named), None)
    if named and claimed is None:
        advice = f"the account has: {', '.join(key.id for key in proofs.keys)}; after a rotation add the new key"
        yield Finding(ok=False, title=f"The account has no key with the id {named[:64]!r}.", advice=advice)
    yield from _method(request, claimed)
    yield from _cryptography(request, proofs, claimed)


def _present(request: Request) -> Iterator[Finding]:
    missing = [name for name in SIGNED_HEADERS if not request.header(name)]
    if not missing:
        yield Finding(ok=True, title="All four X-MessageMedia headers are there.")
    elif len(missing) == len(SIGNED_HEADERS):
        yield Finding(ok=False, title="The request has no X-MessageMedia header at all.", advice=_SWITCHED_ON)
    else:
        yield from (Finding(ok=False, title=f"The header {name} is missing.", advice=_PASS_ON) for name in missing)


def _date(text: str | None, now: float, tolerance: float) -> Finding:
    if not text:
        return Finding(ok=False, title="The header Date is missing.", advice="it is signed; let proxies pass it on")
    moment = http_date(text)
    if moment is None:
        advice = "expected for example: Mon, 02 Mar 2026 01:02:04 GMT; a proxy that adds its own makes two of one"
        return Finding(ok=False, title="The header Date is no HTTP date.", advice=advice)
    difference = now - moment
    words = f"our clock is {abs(difference):.0f} s {'ahead of' if difference > 0 else 'behind'} Date"
    if abs(difference) <= tolerance:
        return Finding(ok=True, title=f"The time fits: {words}, {tolerance:.0f} s are allowed.")
    advice = f"a captured request grows old; if live ones are refused, {_NTP}" if difference > 0 else _NTP
    return Finding(ok=False, title=f"The time does not fit: {words}, {tolerance:.0f} s are allowed.", advice=advice)


def _method(request: Request, key: PublicKey | None) -> Iterator[Finding]:
    cipher, digest = request.header(CIPHER_HEADER), request.header(DIGEST_HEADER)
    if cipher and cipher.strip().upper() != CIPHER:
        yield Finding(ok=False, title=f"The cipher is not {CIPHER}.", advice="no other one is documented")
    if key is None or not digest:
        return
    fits = digest_of(digest) is key.digest
    title = f"The digest is {'' if fits else 'not '}the {key.digest} of key {key.id}."
    advice = "" if fits else "set `digest` of the key to what MessageMedia says of it (GET /v1/iam/signature_keys)"
    yield Finding(fits, title, advice)


def _cryptography(request: Request, proofs: Proofs, claimed: PublicKey | None) -> Iterator[Finding]:
    text = request.header(SIGNATURE_HEADER)
    if not text:
        return
    # Hexadecimal digits are base64 too, of something else.
    signature = None if _HEXADECIMAL.fullmatch(text) else decode_strictly(text)
    if not signature:
        yield Finding(ok=False, title="The signature is not standard base64.", advice=_encoding(text))
        return
    maker = _maker(signature, proofs.keys)
    if maker is None:
        yield _no_maker(signature, proofs.keys)
        return
    yield from _made_by(maker, claimed)
    date = request.header(DATE_HEADER)
    if date:
        yield from _covered(request, proofs, maker, date)


def _encoding(text: str) -> str:
    if _HEXADECIMAL.fullmatch(text):
        return "it is hexadecimal; something on the way re-encoded it, or the sender is not MessageMedia"
    if "," in text:
        return "the header came twice and was joined; find the proxy that doubles it"
    if "-" in text or "_" in text:
        return "it uses the URL-safe alphabet; MessageMedia uses the standard one with + and /"
    return "it has to be the text that MessageMedia sent, unchanged, its padding included"


def _maker(signature: bytes, keys: Sequence[PublicKey]) -> _Maker | None:
    for key in keys:
        for name, algorithm in _DIGESTS.items():
            try:
                hashed = key.key.recover_data_from_signature(signature, PKCS1v15(), algorithm)
            except (InvalidSignature, UnsupportedAlgorithm, ValueError):
                continue
            return _Maker(key, name, hashed)
    return None


def _no_maker(signature: bytes, keys: Sequence[PublicKey]) -> Finding:
    if len(signature) not in {key.size for key in keys}:
        advice = "it has another length than a signature of these keys: it belongs to another key"
    else:
        advice = "the public_key is not the one of that id, or another account of MessageMedia signed it"
    return Finding(ok=False, title="No key of the account made this signature.", advice=advice)


def _made_by(maker: _Maker, claimed: PublicKey | None) -> Iterator[Finding]:
    key = maker.key
    title = f"Key {key.id} ({key.origin}) made this signature."
    if claimed is not None and claimed is not key:
        advice = f"the request names {claimed.id}: the two public keys may be stored under each other's id"
        yield Finding(ok=False, title=title, advice=advice)
    else:
        yield Finding(ok=True, title=title)
    if maker.digest != key.digest:
        advice = f"the account says {key.digest}: set `digest` of the key"
        yield Finding(ok=False, title=f"It was made with {maker.digest}.", advice=advice)


def _covered(request: Request, proofs: Proofs, maker: _Maker, date: str) -> Iterator[Finding]:
    """Yield whether the signature covers this very request, and if not, what it does cover."""
    target = outer_target(request.target, proofs.outer_path)
    if maker.signed(signed_text(request.method, target, date, request.body)):
        yield Finding(ok=True, title="The signature covers this very request.")
        return
    found = next((guess for guess in guesses(request, proofs) if maker.signed(guess.signed)), None)
    if found is not None:
        yield Finding(ok=False, title=found.title, advice=found.advice)
    elif _MASKED in request.target:
        advice = "capture the request before it reaches Hookline: the signature covers the value that is left out here"
        yield Finding(
            ok=False, title="The target is a record's, without the value of a secret parameter.", advice=advice
        )
    elif not _is_cut_short(request):
        advice = f"compare the URL at MessageMedia with outer_path; else {RAW}; Date has to be MessageMedia's own"
        yield Finding(ok=False, title="No common change of target, date or body explains it.", advice=advice)


def _is_cut_short(request: Request) -> bool:
    """Tell whether bytes of the body are missing: the capture's own note says so already."""
    length = request.header("content-length") or ""
    return bool(re.fullmatch(r"[0-9]{1,12}", length, re.ASCII)) and len(request.body) < int(length)
