"""Why a request is not proved: which proof was tried, what is wrong with it, and what to do. Shows no secret."""

import hmac
from collections.abc import Iterator, Sequence

from providers.contract import Finding, Request, Verdict, Verification
from providers.syniverse.proof.allowed import APPLICATION_FIELDS, COMPANY_FIELDS, Allowed, told
from providers.syniverse.proof.proofs import (
    AUTHORIZATION,
    Credential,
    MutualTls,
    Proofs,
    basic_pair,
    certificate,
    digest_of,
    matching,
    scheme_and_rest,
)

_PORTAL = "compare it with the delivery configuration in Syniverse's Event Manager"


def explain(request: Request, proofs: Proofs, allowed: Allowed, verification: Verification) -> tuple[Finding, ...]:
    """Return what was found, step by step; the last finding is the verdict."""
    verified = verification.verdict is Verdict.VERIFIED
    title = "The request is genuine." if verified else f"The request is refused: {verification.verdict}."
    tried = [*_authorization(request, proofs), *_certificate(request, proofs.mtls)]
    if any(finding.ok for finding in tried):
        # With one proof that fits, the others need none.
        tried = [finding for finding in tried if finding.ok]
    return (*tried, *_allowed(request.body, allowed), Finding(verified, title))


def _authorization(request: Request, proofs: Proofs) -> Iterator[Finding]:
    if not proofs.basic and not proofs.bearer:
        return
    header = request.header(AUTHORIZATION)
    wanted = " or ".join(name for name, given in (("Basic", proofs.basic), ("Bearer", proofs.bearer)) if given)
    if not header:
        advice = f"set {wanted} in the delivery configuration; captures leave the header out, and proxies may strip it"
        yield Finding(ok=False, title="The header authorization is missing or empty.", advice=advice)
        return
    scheme, rest = scheme_and_rest(header)
    if scheme == "basic" and proofs.basic:
        yield _basic(rest, proofs.basic)
    elif scheme == "bearer" and proofs.bearer:
        yield _bearer(rest, proofs.bearer)
    else:
        shown = scheme.title() if scheme in {"basic", "bearer", "digest", "negotiate"} else "another one"
        advice = f"the account takes {wanted}; {_PORTAL}"
        yield Finding(ok=False, title=f"The scheme of the header authorization is wrong: {shown}.", advice=advice)


def _basic(text: str, credentials: Sequence[Credential]) -> Finding:
    pair = basic_pair(text)
    if pair is None:
        advice = "a header that came twice is joined with a comma and refused; look for a proxy that adds its own"
        return Finding(ok=False, title="The Basic credential is not base64.", advice=advice)
    if b":" not in pair:
        return Finding(ok=False, title="The Basic credential has no colon between user and password.", advice=_PORTAL)
    if (found := matching(credentials, pair)) is not None:
        return Finding(ok=True, title=f"User and password are those of {found.name} ({found.origin}).")
    user = digest_of(pair.partition(b":")[0])
    known = next((item for item in credentials if hmac.compare_digest(item.user or b"", user)), None)
    if known is None:
        return Finding(ok=False, title="The user is none that the account knows.", advice=_PORTAL)
    title = f"The password is wrong for the user of {known.name} ({known.origin})."
    return Finding(ok=False, title=title, advice=f"{_PORTAL}; passwords are compared as UTF-8")


def _bearer(text: str, credentials: Sequence[Credential]) -> Finding:
    found = matching(credentials, text.encode("utf-8", "surrogatepass"))
    if found is not None:
        return Finding(ok=True, title=f"The bearer token is {found.name} ({found.origin}).")
    advice = "the token of our own issuer is wanted, as the account has it; one that was renewed has to be added here"
    return Finding(ok=False, title="The bearer token is none that the account knows.", advice=advice)


def _certificate(request: Request, mtls: MutualTls | None) -> Iterator[Finding]:
    if mtls is None:
        return
    name = request.header(mtls.header)
    if not mtls.trusts(request.peer):
        advice = "only a proxy that verified the certificate may name it: add its network to mtls.proxies"
        if request.peer is None:
            advice = "a captured request does not tell its address; this can be seen in a live one alone"
        yield Finding(ok=False, title="The request did not come from one of mtls.proxies.", advice=advice)
    elif not name:
        advice = "let the proxy ask for a client certificate, and write its fingerprint or subject into that header"
        yield Finding(ok=False, title=f"The header {mtls.header} is missing or empty.", advice=advice)
    elif (found := matching(mtls.values, certificate(name))) is not None:
        yield Finding(ok=True, title=f"The certificate is {found.name}.")
    else:
        advice = "compare the header with mtls.values; one that came twice means that the proxy lets the sender's pass"
        yield Finding(ok=False, title="The certificate is none of mtls.values.", advice=advice)


def _allowed(body: bytes, allowed: Allowed) -> Iterator[Finding]:
    for what, names, known in (
        ("company", COMPANY_FIELDS, allowed.companies),
        ("application", APPLICATION_FIELDS, allowed.applications),
    ):
        if known:
            yield _one_allowed(what, told(body, names), known)


def _one_allowed(what: str, found: Sequence[str], known: frozenset[str]) -> Finding:
    setting = f"{what}_ids"
    if not found:
        return Finding(ok=True, title=f"The body does not tell the {what} of its event, which is no reason to refuse.")
    if all(item in known for item in found):
        return Finding(ok=True, title=f"The {what} of the event is one of {setting}.")
    advice = f"another {what} of the same Syniverse account posts here: add it to {setting}, or stop its subscription"
    return Finding(ok=False, title=f"The {what} of the event is none of {setting}.", advice=advice)
