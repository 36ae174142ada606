"""Why a MessageMedia signature does not hold, in plain words."""

import base64
import json
from collections.abc import Mapping

import pytest

from providers.contract import Account, Finding, Request
from providers.messagemedia.signature import verifier
from tests.support.messagemedia_webhooks import (
    KEY_ID,
    NOW,
    OTHER_KEY_ID,
    TARGET,
    account_of,
    http_date_of,
    key_table,
    public_key,
    request_of,
    sign,
    signed_headers,
)

BODY = b'{"callback_url": "https://hooks.example.com/in/mm?group=reports", "n": 1}'
DATE = http_date_of(NOW)
LINE = f"POST {TARGET} HTTP/1.1"


def explained(request: Request, account: Account | None = None, now: float = NOW) -> list[Finding]:
    """Return the findings about a request."""
    return list(verifier(account or account_of()).explain(request, now))


def titles(findings: list[Finding]) -> str:
    """Return all titles that are bad news."""
    return " ".join(finding.title for finding in findings if not finding.ok)


def signed_over(signed: bytes, more: Mapping[str, str] | None = None, body: bytes = BODY) -> Request:
    """Return a request whose signature was made over those bytes."""
    return request_of(body, {**signed_headers(body), "x-messagemedia-signature": sign(signed), **(more or {})})


def test_a_genuine_request_is_all_good() -> None:
    """All findings are good, and one names the key."""
    findings = explained(request_of(BODY))
    assert all(finding.ok for finding in findings)
    assert any(KEY_ID in finding.title and "made this signature" in finding.title for finding in findings)


@pytest.mark.parametrize(
    ("target", "more", "words"),
    [
        ("/in/mm?group=reports", {}, "callback_url in the body"),
        ("/outer/x?group=reports", {"x-original-uri": "/outer/x?group=reports"}, "header x-original-uri"),
        ("/outer/x?group=reports", {"x-forwarded-path": "/outer/x"}, "header x-forwarded-path, with the query"),
        (f"/proxy{TARGET}", {"x-forwarded-prefix": "/proxy/"}, "prefix in the header"),
        ("/webhooks/main", {}, "without the query"),
        ("/webhooks/main/?group=reports", {}, "with a slash at the end"),
        ("/main?group=reports", {}, "without the first 1 segments"),
        (f"https://hooks.example.com{TARGET}", {"host": "hooks.example.com"}, "whole URL"),
        ("/?group=reports", {}, "root path"),
    ],
)
def test_a_target_that_a_proxy_changed_is_found(target: str, more: dict[str, str], words: str) -> None:
    """The advice is to set outer_path."""
    found = explained(signed_over(f"POST {target} HTTP/1.1{DATE}".encode() + BODY, more))
    assert any(words in finding.title and "outer_path" in finding.advice for finding in found)


@pytest.mark.parametrize(
    "body", [b'{"callback_url": null}', b'{"callback_url": "http://["}', b"[]", b"{", b"[" * 100_000]
)
def test_a_body_without_a_callback_url_is_no_guess(body: bytes) -> None:
    """Whatever stands there, the explanation comes to its end."""
    assert "No common change" in titles(explained(signed_over(b"something else", body=body)))


def test_a_wrong_outer_path_is_found() -> None:
    """The request came with the right path, and the setting spoils it."""
    found = explained(request_of(BODY), account_of(key_table(), outer_path="/elsewhere"))
    assert "so outer_path is not right" in titles(found)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (json.dumps(json.loads(BODY), separators=(",", ":")).encode(), "compact JSON"),
        (json.dumps(json.loads(BODY), indent=2).encode(), "indented by two"),
        (BODY + b"\n", "line feed"),
        (BODY + b"\r\n", "CR LF"),
    ],
)
def test_a_body_that_was_written_anew_is_found(body: bytes, words: str) -> None:
    """The common rewritings are found by trying them."""
    found = explained(request_of(BODY, signed_headers(body)))
    assert any(words in finding.title and "before anything parses" in finding.advice for finding in found)


@pytest.mark.parametrize(
    ("signed", "words"),
    [
        (BODY, "the body alone"),
        (b"\n".join((LINE.encode(), DATE.encode(), BODY)), "line feeds between"),
        (b"\r\n".join((LINE.encode(), DATE.encode(), BODY)), "CR LF between"),
        (LINE.encode() + BODY, "without the date"),
        (DATE.encode() + BODY, "without the line"),
        (f"{LINE}{DATE}".encode(), "without the body"),
        (f"POST {TARGET} HTTP/1.0{DATE}".encode() + BODY, "HTTP/1.0"),
        (f"PUT {TARGET} HTTP/1.1{DATE}".encode() + BODY, "another method: PUT"),
    ],
)
def test_other_ways_to_join_are_found(signed: bytes, words: str) -> None:
    """A home-made signer, or a proxy that changes method or version, is told so."""
    assert words in titles(explained(signed_over(signed)))


def test_another_key_of_the_account_is_named() -> None:
    """The public keys may be stored under each other's id."""
    account = account_of(key_table(), key_table(OTHER_KEY_ID))
    crossed = signed_headers(BODY, key=OTHER_KEY_ID) | {"x-messagemedia-key-id": KEY_ID}
    found = explained(request_of(BODY, crossed), account)
    assert f"Key {OTHER_KEY_ID}" in titles(found)
    assert any("each other's id" in finding.advice for finding in found)


def test_an_unknown_key_id_lists_those_that_there_are() -> None:
    """After a rotation the new key has to be added."""
    found = explained(request_of(BODY, signed_headers(BODY, key=OTHER_KEY_ID)))
    assert OTHER_KEY_ID in titles(found)
    assert any(KEY_ID in finding.advice for finding in found)


def test_a_key_that_nobody_has_is_told() -> None:
    """No key of the account opens the signature: the public key is not the one of that id."""
    forged = signed_headers(BODY, key="foreign") | {"x-messagemedia-key-id": KEY_ID}
    assert "No key of the account made this signature" in titles(explained(request_of(BODY, forged)))


def test_a_signature_of_another_length_is_told() -> None:
    """It belongs to a key of another size."""
    short = base64.b64encode(bytes(128)).decode()
    found = explained(request_of(BODY, signed_headers(BODY) | {"x-messagemedia-signature": short}))
    assert any("another length" in finding.advice for finding in found)


@pytest.mark.parametrize("digest", ["SHA224", "SHA384", "SHA512"])
def test_another_digest_is_named(digest: str) -> None:
    """The signature itself tells which digest made it."""
    found = explained(request_of(BODY, signed_headers(BODY, digest=digest)))
    assert f"made with {digest}" in titles(found)
    assert any("set `digest`" in finding.advice for finding in found)


def test_another_cipher_is_told() -> None:
    """Only RSA is documented."""
    found = explained(request_of(BODY, signed_headers(BODY) | {"x-messagemedia-cipher-type": "DSA"}))
    assert "cipher is not RSA" in titles(found)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "no X-MessageMedia header at all"),
        ({"x-messagemedia-signature": "x"}, "x-messagemedia-key-id is missing"),
        ({}, "Date is missing"),
        ({"date": "yesterday"}, "no HTTP date"),
    ],
)
def test_missing_and_unreadable_headers_are_told(headers: dict[str, str], words: str) -> None:
    """Each by its name."""
    assert words in titles(explained(request_of(BODY, headers)))


@pytest.mark.parametrize(
    ("now", "words"), [(NOW + 700_000, "700000 s ahead of Date"), (NOW - 700_000, "700000 s behind Date")]
)
def test_the_clock_is_told(now: float, words: str) -> None:
    """The clock's difference is said with its direction."""
    assert words in titles(explained(request_of(BODY), now=now))


@pytest.mark.parametrize(
    ("text", "words"),
    [("6b" * 256, "hexadecimal"), ("a, b", "came twice"), ("ab-_" * 86, "URL-safe"), ("abc", "padding")],
)
def test_encodings_are_recognized(text: str, words: str) -> None:
    """A signature in another encoding says what happened to it."""
    found = explained(request_of(BODY, signed_headers(BODY) | {"x-messagemedia-signature": text}))
    assert any(words in finding.advice for finding in found)


def test_what_nothing_explains_is_told() -> None:
    """The key is right, so the URL, the date or the body is not."""
    assert "No common change" in titles(explained(signed_over(b"something else altogether")))


def test_a_record_without_the_value_of_a_secret_parameter_cannot_be_checked() -> None:
    """The signature covers what the record leaves out."""
    headers = signed_headers(BODY, target="/webhooks/main?token=p5-in-the-url")
    found = explained(request_of(BODY, headers, target="/webhooks/main?token=REDACTED"))
    assert "secret parameter" in titles(found)


def test_a_body_that_is_not_whole_blames_nothing_else() -> None:
    """The capture lost bytes, and its own note says so."""
    headers = {**signed_headers(BODY), "content-length": str(len(BODY))}
    assert "No common change" not in titles(explained(request_of(BODY[:-5], headers)))


def test_no_explanation_shows_what_must_not_be_shown() -> None:
    """Neither body nor key nor signature nor a secret of the URL."""
    body = b'{"content": "private words"}'
    target = "/webhooks/main?token=p5-in-the-url"
    headers = signed_headers(body + b"x", target=target)
    shown = " ".join(finding.title + finding.advice for finding in explained(request_of(body, headers, target=target)))
    for hidden in ("private words", "p5-in-the-url", public_key(), headers["x-messagemedia-signature"]):
        assert hidden not in shown
