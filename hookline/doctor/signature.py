"""Why a captured request verifies or not: the provider's own explanation, and what the capture adds to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from hookline.doctor.captured import Captured
from providers.contract import Finding, Request, Verdict, Verification, Verifier


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict and what led to it. Shows no secret."""

    verification: Verification
    findings: tuple[Finding, ...]

    @property
    def verified(self) -> bool:
        """Whether the sender is proved."""
        return self.verification.verdict is Verdict.VERIFIED


_ANOTHER_ACCOUNTS = frozenset({Verdict.SIGNATURE_MISMATCH, Verdict.UNKNOWN_KEY, Verdict.WRONG_SECRET})
"""What a request gets that was meant for another account of the same provider."""

_LEFT_OUT = Finding(
    ok=False,
    title="The raw topic holds no passwords and no secret headers, so this line cannot prove its sender again.",
    advice="capture the request itself, in front of the receiver",
)


def explain(
    verifier: Verifier, captured: Captured, now: float, others: Mapping[str, Verifier] | None = None
) -> Explanation:
    """Return the verdict on a captured request at `now` Unix seconds, and why.

    `others` are the accounts of the same provider: a wrong URL at the provider sends one account's webhooks to
    another's address.
    """
    verification = verifier.verify(captured.request, now)
    findings = (*captured.notes, *verifier.explain(captured.request, now))
    if captured.recorded and verification.verdict is Verdict.MISSING_SECRET:
        findings = (_LEFT_OUT, *findings)
    if verification.verdict in _ANOTHER_ACCOUNTS:
        owner = tuple(_owner(others or {}, captured.request, now))
        findings = (*owner, *_cut(verifier, captured.request, now), *findings)
    return Explanation(verification, findings)


def _owner(others: Mapping[str, Verifier], request: Request, now: float) -> Iterator[Finding]:
    for name, verifier in others.items():
        if verifier.verify(request, now).verdict is Verdict.VERIFIED:
            title = f"The request verifies with the key of account {name!r}."
            yield Finding(ok=False, title=title, advice=f"its webhook URL at the provider should be /webhooks/{name}")


def _cut(verifier: Verifier, request: Request, now: float) -> Iterator[Finding]:
    """Try the body without what the capture has beyond Content-Length."""
    length = request.header("content-length") or ""
    if not (length.isascii() and length.isdigit() and len(length) < 13 and int(length) < len(request.body)):
        return
    found = verifier.verify(replace(request, body=request.body[: int(length)]), now)
    if found.verdict is Verdict.VERIFIED:
        title = f"The request verifies when the body is cut to the {length} bytes of Content-Length."
        yield Finding(ok=False, title=title, advice="the capture added bytes; the request itself was sound")
