"""MessageMedia's other proof: a shared secret in a header of the webhook."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Account, AccountError, Request, Secret, Verdict
from providers.messagemedia.signature import verifier
from tests.support.messagemedia_webhooks import (
    NOW,
    SHARED_SECRET,
    account_of,
    key_table,
    request_of,
    secret_account,
    signed_headers,
)

BODY = b'{"reply_id": "1"}'
NAME = "x-hookline-secret"


def verdict_of(account: Account, headers: dict[str, str]) -> Verdict:
    """Return the verdict on a request with those headers."""
    return verifier(account).verify(request_of(BODY, headers), NOW).verdict


def named(name: str, value: str = SHARED_SECRET) -> dict[str, Any]:
    """Return a table of the setting."""
    return {"name": name, "value": Secret(value, "env:SECRET")}


def test_the_secret_proves() -> None:
    """A request that carries it is genuine; its label names the header and no value."""
    found = verifier(secret_account()).verify(request_of(BODY, {NAME: SHARED_SECRET}), NOW)
    assert (found.verdict, found.key) == (Verdict.VERIFIED, f"secret:{NAME}#1")


@pytest.mark.parametrize(
    "value", ["", "wrong", SHARED_SECRET + " ", SHARED_SECRET[:-1], SHARED_SECRET.upper(), "ä\udc80"]
)
def test_another_secret_is_refused(value: str) -> None:
    """Every letter counts."""
    assert verdict_of(secret_account(), {NAME: value}) is Verdict.WRONG_SECRET


def test_no_secret_is_refused() -> None:
    """A request without the header proves nothing."""
    assert verdict_of(secret_account(), {"content-type": "application/json"}) is Verdict.MISSING_SECRET


def test_old_and_new_secret_count_while_they_are_changed() -> None:
    """Both verify, each under its own label."""
    checker = verifier(secret_account("new-one", "old-one"))
    labels = [checker.verify(request_of(BODY, {NAME: value}), NOW).key for value in ("new-one", "old-one")]
    assert labels == [f"secret:{NAME}#1", f"secret:{NAME}#2"]


def test_a_repeated_secret_header_is_refused() -> None:
    """Two fields are joined, and then are not the secret."""
    request = Request("POST", "/webhooks/main", ((NAME, SHARED_SECRET), (NAME, SHARED_SECRET)), BODY)
    assert verifier(secret_account()).verify(request, NOW).verdict is Verdict.WRONG_SECRET


def test_the_header_may_have_another_name() -> None:
    """The name has no case, and the usual one proves nothing then."""
    account = secret_account(secret_header=(named("X-Acme-Token"),))
    assert verdict_of(account, {"x-acme-token": SHARED_SECRET}) is Verdict.VERIFIED
    assert verdict_of(account, {NAME: SHARED_SECRET}) is Verdict.MISSING_SECRET


def test_secret_headers_never_reach_a_record() -> None:
    """The verifier names every header that may hold a secret."""
    account = secret_account(secret_header=(named("X-Acme-Token"), Secret(SHARED_SECRET, "env:SECRET")))
    assert verifier(account).secrets.headers == {"x-acme-token", NAME}


@pytest.mark.parametrize(
    "name", ["Content-Type", "date", "host", "x-messagemedia-signature", "a b", "a:b", "ä", "a\n", "x" * 201]
)
def test_a_header_that_can_hold_no_secret_refuses_to_start(name: str) -> None:
    """What MessageMedia says of the request itself is no place for a secret, nor is what no header can be named."""
    with pytest.raises(AccountError, match="secret_header 1"):
        verifier(secret_account(secret_header=(named(name if name != "a\n" else "a\nb"),)))


@pytest.mark.parametrize("value", ["ä", " a", "a ", "a\nb", "x" * 1001])
def test_a_secret_that_no_header_can_hold_refuses_to_start(value: str) -> None:
    """It could never verify; the error names the reference and not the value."""
    with pytest.raises(AccountError, match="env:SECRET") as caught:
        verifier(secret_account(secret_header=(named(NAME, value),)))
    assert caught.value.reason is Verdict.INVALID_KEY


@pytest.mark.parametrize("table", [{}, {"name": NAME}, named(NAME, "")])
def test_a_table_without_a_value_refuses_to_start(table: dict[str, Any]) -> None:
    """A header alone proves nothing."""
    with pytest.raises(AccountError, match="no value"):
        verifier(secret_account(secret_header=(table,)))


def both() -> Account:
    """Return an account with a key and a secret."""
    return account_of(key_table(), secret_header=(Secret(SHARED_SECRET, "env:SECRET"),))


def test_with_both_either_proves() -> None:
    """A signature is enough, and so is the secret where nothing is signed."""
    assert verdict_of(both(), signed_headers(BODY)) is Verdict.VERIFIED
    assert verdict_of(both(), {NAME: SHARED_SECRET}) is Verdict.VERIFIED
    assert verdict_of(both(), {}) is Verdict.MISSING_SECRET


@pytest.mark.parametrize("part", ["signature", "digest-type", "cipher-type", "key-id"])
def test_with_both_a_part_of_a_signature_is_judged_as_one(part: str) -> None:
    """The secret heals no broken signature."""
    headers = {NAME: SHARED_SECRET, f"x-messagemedia-{part}": signed_headers(BODY)[f"x-messagemedia-{part}"]}
    assert verdict_of(both(), headers) is not Verdict.VERIFIED


def test_with_both_a_changed_body_is_refused_in_spite_of_the_secret() -> None:
    """A signature that does not hold is a refusal."""
    headers = {**signed_headers(b"other"), NAME: SHARED_SECRET}
    assert verdict_of(both(), headers) is Verdict.SIGNATURE_MISMATCH


def test_without_keys_the_secret_judges_a_signed_request() -> None:
    """The feature can be on while the account has no key yet."""
    assert verdict_of(secret_account(), {**signed_headers(BODY), NAME: SHARED_SECRET}) is Verdict.VERIFIED
    assert verdict_of(secret_account(), signed_headers(BODY)) is Verdict.MISSING_SECRET


@given(value=st.text(st.characters(exclude_categories=())), body=st.binary())
def test_arbitrary_secrets_never_raise(value: str, body: bytes) -> None:
    """Whatever the text, there is a refusal and an explanation."""
    checker = verifier(secret_account())
    request = request_of(body, {NAME: value})
    assert checker.verify(request, NOW).verdict is Verdict.WRONG_SECRET
    assert not checker.explain(request, NOW)[-1].ok


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({NAME: "wrong"}, "holds none of the account's secrets"),
        ({}, "is missing"),
        ({}, "callback_url notification"),
        (signed_headers(BODY), "is signed too"),
        ({NAME: SHARED_SECRET}, "env:SECRET_0"),
    ],
)
def test_explanation_in_words(headers: dict[str, str], words: str) -> None:
    """What was found is said, by references and never by values."""
    findings = verifier(secret_account()).explain(request_of(BODY, headers), NOW)
    shown = " ".join(finding.title + finding.advice for finding in findings)
    assert words in shown
    assert SHARED_SECRET not in shown


def test_values_never_print() -> None:
    """A verifier's parts can be shown in an error without giving a secret away."""
    checker = verifier(secret_account())
    assert SHARED_SECRET not in repr(checker._proofs)
