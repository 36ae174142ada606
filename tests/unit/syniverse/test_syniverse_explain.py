"""Why a request is refused, in plain words for the operator, without a secret in them."""

import base64
from typing import Any

import pytest

from providers.contract import Finding, Request, Secret
from providers.syniverse.signature import verifier
from tests.support.syniverse import NOW, account_of, basic, envelope, request_of, written

MTLS: dict[str, Any] = {"header": "X-Client-Cert", "values": ("CN=ess",), "proxies": ("192.0.2.0/24",)}
TOKENS = (Secret("right-token", "env:TOKEN"),)


def explained(request: Request, **settings: Any) -> tuple[list[Finding], str]:
    """Return the findings, and all their words."""
    found = list(verifier(account_of(**settings)).explain(request, NOW))
    return found, " ".join(f"{finding.title} {finding.advice}" for finding in found)


def encoded(text: str) -> str:
    """Return base64 of a text."""
    return base64.b64encode(text.encode()).decode()


def test_a_genuine_request() -> None:
    """All is well, and the proof is named by its place in the configuration."""
    findings, words = explained(request_of(basic()))
    assert all(finding.ok for finding in findings)
    assert "basic:1 (env:SCG_BASIC)" in words


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "authorization is missing"),
        ({"Authorization": "Digest x"}, "scheme of the header authorization is wrong: Digest"),
        ({"Authorization": "secret-thing x"}, "wrong: another one"),
        ({"Authorization": "Bearer x"}, "the account takes Basic"),
        ({"Authorization": "Basic ???"}, "not base64"),
        ({"Authorization": f"Basic {encoded('no colon')}"}, "no colon"),
        ({"Authorization": f"Basic {encoded('somebody:correct horse')}"}, "The user is none"),
        ({"Authorization": f"Basic {encoded('ess:wrong')}"}, "The password is wrong for the user of basic:1"),
    ],
)
def test_what_is_wrong_with_a_password(headers: dict[str, str], words: str) -> None:
    """The operator is told what the sender is not."""
    findings, shown = explained(request_of(headers))
    assert words in shown
    assert not findings[-1].ok


def test_a_wrong_token() -> None:
    """It is none that the account knows."""
    _, shown = explained(request_of({"Authorization": "Bearer wrong-token"}), bearer=TOKENS)
    assert "bearer token is none" in shown


def test_a_right_token() -> None:
    """It is named by its place."""
    _, shown = explained(request_of({"Authorization": "Bearer right-token"}), bearer=TOKENS)
    assert "bearer:1 (env:TOKEN)" in shown


@pytest.mark.parametrize(
    ("value", "peer", "words"),
    [
        ("CN=ess", "198.51.100.1", "add its network to mtls.proxies"),
        ("CN=ess", None, "does not tell its address"),
        ("CN=other", "192.0.2.1", "none of mtls.values"),
        ("", "192.0.2.1", "x-client-cert is missing"),
        ("CN=ess", "192.0.2.1", "The certificate is mtls:1"),
    ],
)
def test_certificates(value: str, peer: str | None, words: str) -> None:
    """Where the request came from, and what the proxy named."""
    _, shown = explained(request_of({"X-Client-Cert": value}, peer=peer), mtls=MTLS)
    assert words in shown


def test_with_one_proof_that_fits_the_others_are_not_missed() -> None:
    """A password is enough where a certificate would be too."""
    findings, _ = explained(request_of(basic()), basic=(Secret("ess:correct horse", "env:P"),), mtls=MTLS)
    assert all(finding.ok for finding in findings)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"company_id": 1}, "company of the event is one of company_ids"),
        ({"company_id": 2}, "company of the event is none of company_ids"),
        ({}, "does not tell the company of its event, which is no reason"),
    ],
)
def test_companies(fields: dict[str, Any], words: str) -> None:
    """Whether the body names one, and one of ours."""
    body = written(envelope(message_id="m", new_state="SENT", **fields))
    _, shown = explained(request_of(basic(), body), company_ids=("1",))
    assert words in shown


@pytest.mark.parametrize("sent", ["ess:sent-password", "sent-user:correct horse", "sent-no-colon"])
def test_no_secret_is_shown(sent: str) -> None:
    """Neither what was sent nor what was wanted."""
    body = written(envelope("mo_message_received", message_id="m", message_body="private words"))
    _, shown = explained(request_of(basic(sent), body), bearer=TOKENS, basic=(Secret("ess:correct horse", "env:P"),))
    for secret in ("correct horse", "sent-", "right-token", "private words", encoded(sent)):
        assert secret not in shown
