"""Who sent a request: Event Manager signs nothing, so a password, a token or a verified certificate has to tell.

Source: README, sections 8.9 to 8.14. Any one proof that is configured and fits verifies.
"""

from collections.abc import Sequence

from providers.contract import Account, AccountError, Finding, Request, SecretPlaces, Verdict, Verification
from providers.syniverse.consent import MANAGERS
from providers.syniverse.proof.allowed import Allowed, allowed_of
from providers.syniverse.proof.diagnosis import explain
from providers.syniverse.proof.proofs import (
    AUTHORIZATION,
    Credential,
    Proofs,
    basic_pair,
    certificate,
    matching,
    proofs_of,
    scheme_and_rest,
)


class SyniverseVerifier:
    """Proves that a request comes from Event Manager, by any of an account's proofs, and for this account's events."""

    def __init__(self, proofs: Proofs, allowed: Allowed) -> None:
        self._proofs = proofs
        self._allowed = allowed

    @property
    def secrets(self) -> SecretPlaces:
        """The header in which a proxy names a certificate. `Authorization` never reaches a record anyway."""
        mtls = self._proofs.mtls
        return SecretPlaces(headers=frozenset({mtls.header} if mtls else ()))

    def verify(self, request: Request, now: float) -> Verification:
        """Return the verdict. Never raises, whatever the bytes. Nothing in a request tells its age."""
        del now
        proof = self._authorized(request) or self._certified(request)
        if proof is None:
            return Verification(self._refusal(request))
        refusal = self._allowed.refusal(request.body)
        return Verification(Verdict.VERIFIED, proof.name) if refusal is None else Verification(refusal)

    def explain(self, request: Request, now: float) -> Sequence[Finding]:
        """Return step by step why the request verifies or not."""
        return explain(request, self._proofs, self._allowed, self.verify(request, now))

    def _authorized(self, request: Request) -> Credential | None:
        scheme, rest = scheme_and_rest(request.header(AUTHORIZATION) or "")
        if scheme == "basic":
            pair = basic_pair(rest)
            return None if pair is None else matching(self._proofs.basic, pair)
        if scheme == "bearer":
            return matching(self._proofs.bearer, rest.encode("utf-8", "surrogatepass"))
        return None

    def _certified(self, request: Request) -> Credential | None:
        mtls = self._proofs.mtls
        if mtls is None or not mtls.trusts(request.peer):
            return None
        return matching(mtls.values, certificate(request.header(mtls.header) or ""))

    def _refusal(self, request: Request) -> Verdict:
        """Return what is wrong with the proof that the sender tried, or else with the first that is missing."""
        by_password = bool(self._proofs.basic or self._proofs.bearer)
        if by_password and request.header(AUTHORIZATION):
            return Verdict.WRONG_SECRET
        mtls = self._proofs.mtls
        if mtls is None or (by_password and not request.header(mtls.header)):
            return Verdict.MISSING_SECRET
        if not mtls.trusts(request.peer):
            return Verdict.NOT_FROM_PROXY
        return Verdict.UNKNOWN_CERTIFICATE if request.header(mtls.header) else Verdict.MISSING_CERTIFICATE


def verifier(account: Account) -> SyniverseVerifier:
    """Return the verifier of an account.

    Raises AccountError where it has no proof, a malformed one, or a setting that would be misread later.
    """
    manager = account.settings.get("consent_managed_by")
    if manager is not None and manager not in MANAGERS:
        raise AccountError(f"account {account.name!r}: consent_managed_by must be one of {', '.join(MANAGERS)}")
    return SyniverseVerifier(proofs_of(account), allowed_of(account))
