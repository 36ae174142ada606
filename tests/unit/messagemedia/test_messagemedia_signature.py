"""MessageMedia's signatures: the vectors, strictness, several keys, the window, the outer path."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import AccountError, Request, Verdict
from providers.messagemedia.proof.dates import http_date
from providers.messagemedia.proof.keys import public_keys_of, verifies
from providers.messagemedia.proof.signed_text import request_line
from providers.messagemedia.signature import verifier
from tests.support.messagemedia_webhooks import (
    FIXTURES,
    KEY_ID,
    NOW,
    OTHER_KEY_ID,
    TARGET,
    account_of,
    http_date_of,
    key_table,
    request_of,
    sign,
    signed_headers,
)

VECTORS: dict[str, Any] = json.loads((FIXTURES / "signature_vectors.json").read_text(encoding="utf-8"))
CALLBACKS: dict[str, Any] = VECTORS["callback_signatures"]
BODY = b'{"delivery_report_id": "1", "status": "enroute"}'
WEEK = 7 * 86_400
EXPECTED = {
    "body_tampered": Verdict.SIGNATURE_MISMATCH,
    "date_changed": Verdict.SIGNATURE_MISMATCH,
    "path_changed": Verdict.SIGNATURE_MISMATCH,
    "method_changed": Verdict.SIGNATURE_MISMATCH,
    # The version is no part of a request here: the signed line says HTTP/1.1, whatever a proxy speaks to us.
    "http_version_changed": Verdict.VERIFIED,
    "signed_by_another_key": Verdict.SIGNATURE_MISMATCH,
    "unknown_key_id": Verdict.UNKNOWN_KEY,
    "newline_joined_message_is_not_the_format": Verdict.SIGNATURE_MISMATCH,
    "body_only_is_not_the_format": Verdict.SIGNATURE_MISMATCH,
    "signature_not_base64": Verdict.INVALID_SIGNATURE_ENCODING,
}


def vector_keys() -> list[dict[str, Any]]:
    """Return all keys of the vectors, as an account has them."""
    found = CALLBACKS["public_keys"]
    return [key_table(key["key_id"], key["digest"], key["public_key"]) for key in found]


def vector_request(vector: dict[str, Any]) -> Request:
    """Return the request of a vector."""
    method, target, _ = vector["request_line"].split(" ")
    headers = {"content-type": vector["content_type"] or "", **vector["headers"]}
    return request_of(base64.b64decode(vector["body_base64"]), headers, method=method, target=target)


def without(name: str) -> dict[str, str]:
    """Return the headers of a genuine delivery without one."""
    return {key: value for key, value in signed_headers(BODY).items() if key != name}


def changed(**headers: str) -> dict[str, str]:
    """Return the headers of a genuine delivery with some changed; underscores stand for hyphens."""
    return {**signed_headers(BODY), **{name.replace("_", "-"): value for name, value in headers.items()}}


def verdict_of(request: Request, now: float = NOW) -> Verdict:
    """Return the verdict of the usual account."""
    return verifier(account_of()).verify(request, now).verdict


@pytest.mark.parametrize("vector", CALLBACKS["vectors"], ids=lambda vector: vector["name"])
def test_vector(vector: dict[str, Any]) -> None:
    """Each vector gives its verdict, with all the keys of the file in one account."""
    now = http_date(vector["headers"]["Date"])
    assert now is not None
    found = verifier(account_of(*vector_keys())).verify(vector_request(vector), now)
    expected = EXPECTED.get(vector["name"], Verdict.VERIFIED)
    assert found.verdict is expected
    verified = f"rsa:{vector['headers']['X-MessageMedia-Key-Id']}"
    assert found.key == (verified if expected is Verdict.VERIFIED else None)


def test_every_vector_says_what_is_expected_here() -> None:
    """The file holds the 20 vectors, and only the one of the HTTP version is read otherwise than it says."""
    assert len(CALLBACKS["vectors"]) == 20
    differing = [
        vector["name"]
        for vector in CALLBACKS["vectors"]
        if vector["expected_valid"] != (EXPECTED.get(vector["name"], Verdict.VERIFIED) is Verdict.VERIFIED)
    ]
    assert differing == ["http_version_changed"]


def test_a_line_of_another_http_version_does_not_verify() -> None:
    """As the vector says: what was signed with HTTP/1.1 in its line is not what HTTP/1.0 in it would give."""
    vector = next(one for one in CALLBACKS["vectors"] if one["name"] == "http_version_changed")
    method, target, version = vector["request_line"].split(" ")
    key = next(key for key in public_keys_of(account_of(*vector_keys())) if key.id == KEY_ID)
    signature = base64.b64decode(vector["headers"]["X-MessageMedia-Signature"])
    rest = vector["headers"]["Date"].encode() + base64.b64decode(vector["body_base64"])
    assert verifies(key, request_line(method, target) + rest, signature)
    assert not verifies(key, request_line(method, target, version) + rest, signature)


@pytest.mark.parametrize(
    ("header", "verdict"),
    [
        ("x-messagemedia-signature", Verdict.MISSING_SIGNATURE),
        ("date", Verdict.MISSING_TIMESTAMP),
        ("x-messagemedia-key-id", Verdict.UNKNOWN_KEY),
        ("x-messagemedia-cipher-type", Verdict.UNSUPPORTED_CIPHER),
        ("x-messagemedia-digest-type", Verdict.DIGEST_MISMATCH),
    ],
)
def test_every_header_is_needed(header: str, verdict: Verdict) -> None:
    """A request without one of the five is refused, and the reason says which."""
    assert verdict_of(request_of(BODY, without(header))) is verdict


@pytest.mark.parametrize(
    ("header", "verdict"),
    [
        ("x-messagemedia-signature", Verdict.INVALID_SIGNATURE_ENCODING),
        ("date", Verdict.INVALID_TIMESTAMP),
        ("x-messagemedia-key-id", Verdict.UNKNOWN_KEY),
        ("x-messagemedia-cipher-type", Verdict.UNSUPPORTED_CIPHER),
        ("x-messagemedia-digest-type", Verdict.DIGEST_MISMATCH),
    ],
)
def test_a_repeated_header_is_refused(header: str, verdict: Verdict) -> None:
    """Two fields of one name are joined, and then are none of what is expected."""
    plain = request_of(BODY)
    again = next(field for field in plain.headers if field[0] == header)
    doubled = Request(plain.method, plain.target, (*plain.headers, again), plain.body)
    assert verdict_of(doubled) is verdict


@pytest.mark.parametrize("text", ["SHA256", "SHA-256", "sha256", "sha-256", "Sha-256"])
def test_digest_is_read_in_every_spelling(text: str) -> None:
    """The newest description has a hyphen, the older ones none."""
    assert verdict_of(request_of(BODY, changed(x_messagemedia_digest_type=text))) is Verdict.VERIFIED


@pytest.mark.parametrize("text", ["SHA512", "SHA1", "MD5", "none", "SHA--256"])
def test_another_digest_than_the_keys_is_refused(text: str) -> None:
    """The stored key says how it signs; the header alone decides nothing."""
    assert verdict_of(request_of(BODY, changed(x_messagemedia_digest_type=text))) is Verdict.DIGEST_MISMATCH


@pytest.mark.parametrize("digest", ["SHA224", "SHA256", "SHA512"])
def test_every_documented_digest_verifies(digest: str) -> None:
    """A key signs with its own digest."""
    headers = signed_headers(BODY, digest=digest)
    found = verifier(account_of(key_table(KEY_ID, digest))).verify(request_of(BODY, headers), NOW)
    assert found.verdict is Verdict.VERIFIED


def test_a_genuine_signature_under_a_changed_digest_header_is_refused() -> None:
    """Made with SHA512 while the key has SHA256: neither with nor without the honest header."""
    honest = signed_headers(BODY, digest="SHA512")
    assert verdict_of(request_of(BODY, honest)) is Verdict.DIGEST_MISMATCH
    assert verdict_of(request_of(BODY, honest | {"x-messagemedia-digest-type": "SHA256"})) is Verdict.SIGNATURE_MISMATCH


def test_other_ciphers_are_refused() -> None:
    """RSA is the only one documented; its name has no case."""
    assert verdict_of(request_of(BODY, changed(x_messagemedia_cipher_type="DSA"))) is Verdict.UNSUPPORTED_CIPHER
    assert verdict_of(request_of(BODY, changed(x_messagemedia_cipher_type="rsa"))) is Verdict.VERIFIED


def test_any_of_several_keys_verifies_under_its_own_id() -> None:
    """While keys are rotated both count, each under its id alone."""
    both = verifier(account_of(key_table(), key_table(OTHER_KEY_ID)))
    old = both.verify(request_of(BODY, signed_headers(BODY, key=OTHER_KEY_ID)), NOW)
    assert (old.verdict, old.key) == (Verdict.VERIFIED, f"rsa:{OTHER_KEY_ID}")
    assert both.verify(request_of(BODY), NOW).key == f"rsa:{KEY_ID}"
    crossed = signed_headers(BODY, key=OTHER_KEY_ID) | {"x-messagemedia-key-id": KEY_ID}
    assert both.verify(request_of(BODY, crossed), NOW).verdict is Verdict.SIGNATURE_MISMATCH


def test_key_id_has_no_case() -> None:
    """A UUID is the same in upper case, in the header and in the configuration."""
    upper = verifier(account_of(key_table() | {"id": f" {KEY_ID.upper()} "}))
    assert upper.verify(request_of(BODY), NOW).verdict is Verdict.VERIFIED
    assert verdict_of(request_of(BODY, changed(x_messagemedia_key_id=KEY_ID.upper()))) is Verdict.VERIFIED


def test_a_foreign_key_under_our_id_is_refused() -> None:
    """Who names our key's id and signs with another key proves nothing."""
    forged = signed_headers(BODY, key="foreign") | {"x-messagemedia-key-id": KEY_ID}
    assert verdict_of(request_of(BODY, forged)) is Verdict.SIGNATURE_MISMATCH


@pytest.mark.parametrize("age", [WEEK, -WEEK])
def test_exactly_the_tolerance_passes(age: int) -> None:
    """The window is open on both sides, and seven days wide by default."""
    assert verdict_of(request_of(BODY), NOW + age) is Verdict.VERIFIED


@pytest.mark.parametrize("age", [WEEK + 1, -WEEK - 1])
def test_a_date_outside_the_tolerance_is_refused(age: int) -> None:
    """A request from long ago is refused, and so is one from the future."""
    assert verdict_of(request_of(BODY), NOW + age) is Verdict.TIMESTAMP_OUT_OF_TOLERANCE


def test_tolerance_is_settable() -> None:
    """The account's own window holds."""
    narrow = verifier(account_of(key_table(), tolerance=10.0))
    assert narrow.verify(request_of(BODY), NOW + 10).verdict is Verdict.VERIFIED
    assert narrow.verify(request_of(BODY), NOW + 11).verdict is Verdict.TIMESTAMP_OUT_OF_TOLERANCE


@pytest.mark.parametrize("value", [0, -1, True, "300", float("inf"), float("nan")])
def test_senseless_tolerance_refuses_to_start(value: object) -> None:
    """A tolerance that is no positive number of seconds is an error, not a default."""
    with pytest.raises(AccountError, match="tolerance"):
        verifier(account_of(key_table(), tolerance=value))


@pytest.mark.parametrize(
    "text",
    [
        "1767225600",
        "2026-01-01T00:00:00Z",
        "Thu, 32 Jan 2026 00:00:00 GMT",
        "Thu, 01 Foo 2026 00:00:00 GMT",
        "Thu, 01 Jan 2026 25:00:00 GMT",
        "Thu, 01 Jan 2026 00:00:61 GMT",
        "Fri, 31 Dec 9999 23:59:60 GMT",
        "Thu, 01 Jan 2026 00:00:00 PST",
        "Thu, 01 Jan 2026 00:00:00 GMT, Thu, 01 Jan 2026 00:00:00 GMT",
        "Thu, 01 Jan 2026 00:00:00 GMT\n",
    ],
)
def test_unreadable_dates_are_refused(text: str) -> None:
    """What is no HTTP date has no age."""
    assert verdict_of(request_of(BODY, changed(date=text))) is Verdict.INVALID_TIMESTAMP


@pytest.mark.parametrize("text", ["Thu, 1 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:00 UTC"])
def test_dates_as_java_writes_them_verify_as_they_stand(text: str) -> None:
    """The date is signed as the text that it is, however it is spelled."""
    signature = sign(f"POST {TARGET} HTTP/1.1{text}".encode() + BODY)
    assert verdict_of(request_of(BODY, changed(date=text, x_messagemedia_signature=signature))) is Verdict.VERIFIED


def test_a_leap_second_is_a_time() -> None:
    """It has the number 60."""
    assert http_date("Sat, 31 Dec 2016 23:59:60 GMT") == http_date("Sun, 01 Jan 2017 00:00:00 GMT")


def test_outer_path_replaces_the_path_and_keeps_the_query() -> None:
    """A proxy that changes the path is undone by the setting."""
    headers = signed_headers(BODY, target="/hooks/mm?group=reports&x=a%20b")
    request = request_of(BODY, headers, target="/webhooks/main?group=reports&x=a%20b")
    assert verdict_of(request) is Verdict.SIGNATURE_MISMATCH
    outer = verifier(account_of(key_table(), outer_path="/hooks/mm"))
    assert outer.verify(request, NOW).verdict is Verdict.VERIFIED
    assert outer.verify(request_of(BODY), NOW).verdict is Verdict.SIGNATURE_MISMATCH


def test_outer_path_without_a_query() -> None:
    """Where there is none, none is added."""
    request = request_of(BODY, signed_headers(BODY, target="/"), target="/webhooks/main")
    assert verifier(account_of(key_table(), outer_path="/")).verify(request, NOW).verdict is Verdict.VERIFIED


@pytest.mark.parametrize("value", ["hooks", "/a?b=c", "/a b", "https://example.com/a", "", "/a#b", 7])
def test_senseless_outer_path_refuses_to_start(value: object) -> None:
    """Only a path can take the place of a path."""
    with pytest.raises(AccountError, match="outer_path"):
        verifier(account_of(key_table(), outer_path=value))


@given(place=st.integers(0, len(BODY) - 1), change=st.integers(1, 255))
def test_any_changed_byte_of_the_body_is_refused(place: int, change: int) -> None:
    """The signature covers each byte of the body."""
    other = bytearray(BODY)
    other[place] ^= change
    assert verdict_of(request_of(bytes(other), signed_headers(BODY))) is Verdict.SIGNATURE_MISMATCH


@given(place=st.integers(0, len(TARGET) - 1), letter=st.characters(min_codepoint=33, max_codepoint=126))
def test_any_changed_letter_of_the_target_is_refused(place: int, letter: str) -> None:
    """The signature covers each letter of path and query."""
    other = TARGET[:place] + letter + TARGET[place + 1 :]
    verdict = verdict_of(request_of(BODY, signed_headers(BODY), target=other))
    assert (verdict is Verdict.VERIFIED) == (other == TARGET)


@given(seconds=st.integers(-WEEK, WEEK))
def test_any_changed_date_is_refused(seconds: int) -> None:
    """The signature covers the date."""
    verdict = verdict_of(request_of(BODY, changed(date=http_date_of(NOW + seconds))))
    assert verdict is (Verdict.SIGNATURE_MISMATCH if seconds else Verdict.VERIFIED)


@given(place=st.integers(0, 343), letter=st.characters(min_codepoint=33, max_codepoint=126))
def test_any_changed_letter_of_the_signature_is_refused(place: int, letter: str) -> None:
    """No other text of a signature passes, even one that differs only in bits that base64 ignores."""
    text = signed_headers(BODY)["x-messagemedia-signature"]
    other = text[:place] + letter + text[place + 1 :]
    verdict = verdict_of(request_of(BODY, changed(x_messagemedia_signature=other)))
    assert (verdict is Verdict.VERIFIED) == (other == text)


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)


@given(
    headers=st.dictionaries(
        st.sampled_from(
            [
                "date",
                "x-messagemedia-signature",
                "x-messagemedia-digest-type",
                "x-messagemedia-cipher-type",
                "x-messagemedia-key-id",
                "host",
                "x-forwarded-prefix",
                "content-length",
            ]
        ),
        ANY_TEXT | st.sampled_from([http_date_of(NOW), KEY_ID, "SHA256", "RSA", sign(b"x")]),
    ),
    method=ANY_TEXT,
    target=ANY_TEXT,
    body=st.binary(),
)
def test_arbitrary_requests_never_raise(headers: dict[str, str], method: str, target: str, body: bytes) -> None:
    """Whatever the header texts and bytes, there is a refusal and an explanation."""
    request = request_of(body, headers, method=method, target=target)
    checker = verifier(account_of())
    assert checker.verify(request, NOW).verdict is not Verdict.VERIFIED
    assert not checker.explain(request, NOW)[-1].ok


@pytest.mark.parametrize("letter", [0xDCFF, 0xD800])
def test_targets_of_odd_bytes_are_refused(letter: int) -> None:
    """Bytes that are no UTF-8 are signed as they stand, so here they are changed ones."""
    request = request_of(BODY, signed_headers(BODY), target=f"/webhooks/main?a={chr(letter)}")
    checker = verifier(account_of())
    assert checker.verify(request, NOW).verdict is Verdict.SIGNATURE_MISMATCH
    assert not checker.explain(request, NOW)[-1].ok


def test_a_target_of_bytes_that_are_no_utf8_verifies_as_it_stands() -> None:
    """The signature covers the bytes."""
    date = http_date_of(NOW)
    signature = sign(b"POST /webhooks/main?a=\xff HTTP/1.1" + date.encode() + BODY)
    headers = changed(x_messagemedia_signature=signature)
    assert verdict_of(request_of(BODY, headers, target="/webhooks/main?a=\udcff")) is Verdict.VERIFIED
