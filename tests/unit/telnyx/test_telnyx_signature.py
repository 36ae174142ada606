"""Telnyx's signature: the vectors, strictness, several keys, and what the explanation says."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from providers.contract import AccountError, Finding, Request, Secret, Verdict
from providers.telnyx.signature import verifier
from tests.support.telnyx import FIXTURES, NOW, account_of, public_key, request_of, signed_headers

VECTORS: dict[str, Any] = json.loads((FIXTURES / "signature_vectors.json").read_text(encoding="utf-8"))
BODY = b'{"data": {"id": "1", "n": 1}}'
OTHER = bytes(reversed(range(32)))


def explained(request: Request, now: float = NOW, *keys: str) -> list[Finding]:
    """Return the findings about a request."""
    return list(verifier(account_of(*keys)).explain(request, now))


def signed_over(signed: bytes, body: bytes) -> Request:
    """Return a request whose signature was made over those bytes."""
    signature = base64.b64encode(SigningKey(bytes(range(32))).sign(signed).signature).decode()
    return request_of(body, {"telnyx-timestamp": str(NOW), "telnyx-signature-ed25519": signature})


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_vector(vector: dict[str, Any]) -> None:
    """Each signature case gives the verdict that the vectors file names."""
    key = VECTORS["keys"][vector["public_key"]]["public_key_base64"]
    request = request_of(base64.b64decode(vector["body_base64"]), vector["headers"])
    found = verifier(account_of(key)).verify(request, vector["now_unix"])
    expected = Verdict.VERIFIED if vector["reason"] == "ok" else Verdict(vector["reason"])
    assert found.verdict is expected
    assert (found.key is not None) == (expected is Verdict.VERIFIED)


def test_all_vectors_are_here() -> None:
    """The file holds the 62 cases and 7 keys that it was made with."""
    assert (len(VECTORS["vectors"]), len(VECTORS["invalid_public_keys"])) == (62, 7)


@pytest.mark.parametrize("case", VECTORS["invalid_public_keys"], ids=lambda case: case["public_key"][:12] or "empty")
def test_bad_key_refuses_to_start(case: dict[str, str]) -> None:
    """An account with a malformed key has no verifier, and the error names the reason and not the key."""
    with pytest.raises(AccountError) as caught:
        verifier(account_of(case["public_key"]))
    assert caught.value.reason is Verdict(case["reason"])
    assert "env:KEY_0" in str(caught.value)
    assert not case["public_key"] or case["public_key"] not in str(caught.value)


def test_no_key_at_all_is_not_configured() -> None:
    """An account without public_keys refuses to start."""
    account = account_of(public_keys=())
    with pytest.raises(AccountError) as caught:
        verifier(account)
    assert caught.value.reason is Verdict.NOT_CONFIGURED


def test_one_bad_key_among_good_ones_refuses_to_start() -> None:
    """A key that can never verify is a mistake to hear of now and not on the day of the change."""
    with pytest.raises(AccountError, match="KEY_1"):
        verifier(account_of(public_key(), "dGVzdA=="))


def test_32_bytes_that_are_no_point_are_no_key() -> None:
    """Bytes off the curve could never verify, so they are an invalid key."""
    with pytest.raises(AccountError) as caught:
        verifier(account_of(base64.b64encode(bytes(32)).decode()))
    assert caught.value.reason is Verdict.INVALID_KEY


def test_pem_key_says_what_to_do() -> None:
    """Who pastes PEM is told to take the base64 from the portal."""
    with pytest.raises(AccountError, match=r"PEM.*portal"):
        verifier(account_of("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"))


@pytest.mark.parametrize("value", [0, -1, True, "300", float("inf"), float("nan")])
def test_senseless_tolerance_refuses_to_start(value: object) -> None:
    """A tolerance that is no positive number of seconds is an error, not a default."""
    with pytest.raises(AccountError, match="tolerance"):
        verifier(account_of(tolerance=value))


@pytest.mark.parametrize(("age", "verdict"), [(10, Verdict.VERIFIED), (11, Verdict.TIMESTAMP_OUT_OF_TOLERANCE)])
def test_tolerance_is_settable(age: int, verdict: Verdict) -> None:
    """The account's own tolerance holds, and exactly that much passes."""
    assert verifier(account_of(tolerance=10)).verify(request_of(BODY), NOW + age).verdict is verdict


def test_any_of_several_keys_verifies() -> None:
    """While a key is changed, old and new both count, and the verdict names the one that signed."""
    both = verifier(account_of(public_key(OTHER), public_key()))
    old = both.verify(request_of(BODY, signed_headers(BODY, seed=OTHER)), NOW)
    new = both.verify(request_of(BODY), NOW)
    assert old.verdict is new.verdict is Verdict.VERIFIED
    assert old.key != new.key
    assert str(new.key).startswith("ed25519:")


def test_key_may_have_space_around_it() -> None:
    """A key from a file ends in a line feed."""
    assert verifier(account_of(public_key() + "\n")).verify(request_of(BODY), NOW).verdict is Verdict.VERIFIED


def test_repeated_signature_header_is_refused() -> None:
    """Two signature fields are joined, as a proxy would, and then are no base64."""
    plain = request_of(BODY)
    doubled = Request(plain.method, plain.target, (*plain.headers, plain.headers[-1]), plain.body)
    assert verifier(account_of()).verify(doubled, NOW).verdict is Verdict.INVALID_SIGNATURE_ENCODING


@given(place=st.integers(0, len(BODY) - 1), change=st.integers(1, 255))
def test_any_changed_byte_of_the_body_is_refused(place: int, change: int) -> None:
    """The signature covers each byte of the body."""
    changed = bytearray(BODY)
    changed[place] ^= change
    found = verifier(account_of()).verify(request_of(bytes(changed), signed_headers(BODY)), NOW)
    assert found.verdict is Verdict.SIGNATURE_MISMATCH


@given(place=st.integers(0, 87), letter=st.characters(min_codepoint=33, max_codepoint=126))
def test_any_changed_letter_of_the_signature_is_refused(place: int, letter: str) -> None:
    """No other text of a signature passes, even one that differs only in bits that base64 ignores."""
    headers = signed_headers(BODY)
    text = headers["telnyx-signature-ed25519"]
    headers["telnyx-signature-ed25519"] = changed = text[:place] + letter + text[place + 1 :]
    verdict = verifier(account_of()).verify(request_of(BODY, headers), NOW).verdict
    assert (verdict is Verdict.VERIFIED) == (changed == text)


@given(
    signature=st.text(st.characters(exclude_categories=())) | st.none(),
    timestamp=st.text(st.characters(exclude_categories=())) | st.just(str(NOW)) | st.none(),
    body=st.binary(),
)
def test_arbitrary_requests_never_raise(signature: str | None, timestamp: str | None, body: bytes) -> None:
    """Whatever the header texts and bytes, there is a refusal and an explanation."""
    pairs = {"telnyx-signature-ed25519": signature, "telnyx-timestamp": timestamp}
    request = request_of(body, {name: value for name, value in pairs.items() if value is not None})
    checker = verifier(account_of())
    assert checker.verify(request, NOW).verdict is not Verdict.VERIFIED
    assert not checker.explain(request, NOW)[-1].ok


def test_explanation_of_a_genuine_request() -> None:
    """All findings of a genuine request are good, and one names the key."""
    findings = explained(request_of(BODY))
    assert all(finding.ok for finding in findings)
    assert any("made this signature" in finding.title and "env:KEY_0" in finding.title for finding in findings)


@pytest.mark.parametrize(
    ("signed", "words"),
    [
        (json.dumps(json.loads(BODY), separators=(",", ":")).encode(), "compact JSON"),
        (json.dumps(json.loads(BODY), indent=2).encode(), "indented by two"),
        (BODY + b"\n", "line feed"),
        (BODY + b"\r\n", "CR LF"),
        (base64.b64decode(base64.b64encode(b"\xef\xbb\xbf" + BODY)), "byte order mark"),
    ],
)
def test_explanation_finds_how_the_body_was_changed(signed: bytes, words: str) -> None:
    """The common rewritings of a body are found by trying them."""
    findings = explained(request_of(BODY, signed_headers(signed)))
    assert any(words in finding.title and "before anything parses" in finding.advice for finding in findings)


def test_explanation_finds_escaped_and_sorted_bodies() -> None:
    """A framework that sorted keys and wrote letters out is found too."""
    received = '{"a": 1, "b": "ż"}'.encode()
    findings = explained(request_of(received, signed_headers(rb'{"a":1,"b":"\u017c"}')))
    assert any("compact JSON" in finding.title and "escapes" in finding.title for finding in findings)


@pytest.mark.parametrize(
    ("signed", "words"),
    [(BODY, "without the timestamp"), (str(NOW).encode() + b"." + BODY, "a dot between")],
)
def test_explanation_finds_other_schemes(signed: bytes, words: str) -> None:
    """A home-made signer that leaves out the timestamp or joins it otherwise is told so."""
    assert any(words in finding.title for finding in explained(signed_over(signed, BODY)))


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "is missing"),
        ({"x-telnyx-signature": "t=1,h=x"}, "webhook_api_version"),
        ({"webhook-signature": "v1,x"}, "Standard Webhooks"),
    ],
)
def test_explanation_of_missing_headers(headers: dict[str, str], words: str) -> None:
    """A request without a signature is told apart from API v1 and Standard Webhooks."""
    assert any(words in finding.title + finding.advice for finding in explained(request_of(BODY, headers)))


@pytest.mark.parametrize(("now", "words"), [(NOW + 900, "900 s ahead"), (NOW - 900, "900 s behind")])
def test_explanation_says_how_the_clock_is_off(now: float, words: str) -> None:
    """The clock's difference is said in words and with its direction."""
    assert any(words in finding.title and not finding.ok for finding in explained(request_of(BODY), now))


@pytest.mark.parametrize(
    ("text", "words"),
    [("6b" * 64, "hexadecimal"), ("a, b", "came twice"), ("ab-_" * 22, "URL-safe"), ("abc", "padding")],
)
def test_explanation_of_encodings(text: str, words: str) -> None:
    """A signature in another encoding is recognized."""
    request = request_of(BODY, {"telnyx-timestamp": str(NOW), "telnyx-signature-ed25519": text})
    assert any(words in finding.advice for finding in explained(request))


def test_explanation_of_the_wrong_key_shows_no_secret() -> None:
    """A foreign key is named by its fingerprint; neither body nor key nor signature is shown."""
    headers = signed_headers(b'{"text":"private words"}', seed=OTHER)
    findings = explained(request_of(b'{"text":"private words"}', headers))
    shown = " ".join(finding.title + finding.advice for finding in findings)
    assert "portal" in shown
    assert "private words" not in shown
    assert public_key() not in shown
    assert headers["telnyx-signature-ed25519"] not in shown


def test_explanation_finds_escaped_slashes() -> None:
    """PHP writes them so, and a proxy that parses takes them off."""
    findings = explained(request_of(b'{"url": "https://a/b"}', signed_headers(rb'{"url":"https:\/\/a\/b"}')))
    assert any("was compact JSON, with letters as they are, with slashes as" in finding.title for finding in findings)


_MISLEADING = ("Key ", "No common change")


def test_explanation_blames_no_key_without_the_timestamp() -> None:
    """It is part of what was signed."""
    headers = signed_headers(BODY)
    del headers["telnyx-timestamp"]
    findings = explained(request_of(BODY, headers))
    assert any("telnyx-timestamp is missing" in finding.title for finding in findings)
    assert not [finding for finding in findings if finding.title.startswith(_MISLEADING)]


def test_explanation_blames_no_key_for_a_body_that_is_not_whole() -> None:
    """The capture lost bytes; of the key that says nothing."""
    headers = {**signed_headers(BODY), "content-length": str(len(BODY))}
    findings = explained(request_of(BODY[:-5], headers))
    assert not [finding for finding in findings if finding.title.startswith(_MISLEADING)]
    assert not findings[-1].ok


def test_explanation_finds_the_line_end_that_a_capture_lost() -> None:
    """Shorter than it was, and the lost byte is known."""
    sent = BODY + b"\n"
    headers = {**signed_headers(sent), "content-length": str(len(sent))}
    assert any("ended in a line feed" in finding.title for finding in explained(request_of(BODY, headers)))


def test_secret_never_prints_its_value() -> None:
    """The parts of an account can be printed in an error without giving a key away."""
    assert "hidden" not in repr(Secret("hidden", "env:X"))
