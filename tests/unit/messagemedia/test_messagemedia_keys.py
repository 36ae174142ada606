"""MessageMedia's keys as an account has them: what is taken, and what refuses to start."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.contract import AccountError, Secret, Verdict
from providers.messagemedia.proof.keys import public_keys_of
from providers.messagemedia.signature import verifier
from tests.support.messagemedia_webhooks import (
    FIXTURES,
    KEY_ID,
    NOW,
    account_of,
    key_table,
    public_key,
    request_of,
)

VECTORS: dict[str, Any] = json.loads((FIXTURES / "signature_vectors.json").read_text(encoding="utf-8"))
BODY = b'{"status": "enroute"}'


def test_published_key_is_taken() -> None:
    """The key of the provider's own documentation has 1024 bits and is a usable one."""
    published = VECTORS["published_public_key_sample"]["public_key"]
    (key,) = public_keys_of(account_of(key_table(KEY_ID, "SHA224", published)))
    assert key.size == 128


def test_no_key_and_no_secret_is_not_configured() -> None:
    """An account that could prove nobody refuses to start."""
    with pytest.raises(AccountError) as caught:
        verifier(account_of(keys=(), secret_header=()))
    assert caught.value.reason is Verdict.NOT_CONFIGURED


def der(key: Any) -> str:
    """Return a public key as base64 of its DER."""
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("%%%", "not base64"),
        ("dGVzdA==", "something else"),
        (f"-----BEGIN PUBLIC KEY-----\n{public_key()}\n-----END PUBLIC KEY-----", "PEM"),
        (der(ec.generate_private_key(ec.SECP256R1()).public_key()), "another kind"),
        (public_key()[:-8], "base64"),
    ],
    ids=["no-base64", "no-key", "pem", "ec", "cut"],
)
def test_bad_key_refuses_to_start(text: str, words: str) -> None:
    """A malformed key is named by its reference and its fault, and not shown."""
    with pytest.raises(AccountError, match=words) as caught:
        verifier(account_of(key_table(public=text)))
    assert caught.value.reason is Verdict.INVALID_KEY
    assert text not in str(caught.value)
    assert f"file:{KEY_ID}.key" in str(caught.value)


def test_small_key_refuses_to_start() -> None:
    """Under 1024 bits a key proves nothing."""
    numbers = rsa.RSAPublicNumbers(65537, (1 << 767) | 1)
    try:
        small = der(numbers.public_key())
    except ValueError:
        pytest.skip("the library itself refuses such a key")
    with pytest.raises(AccountError) as caught:
        verifier(account_of(key_table(public=small)))
    assert caught.value.reason is Verdict.INVALID_KEY


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"public_key": Secret("x", "env:X")}, "no id"),
        ({"id": KEY_ID}, "no public_key"),
        ({"id": KEY_ID, "public_key": Secret(" ", "env:X")}, "no public_key"),
        ({**key_table(), "digest": "MD5"}, "no such digest"),
    ],
    ids=["no-id", "no-key", "empty-key", "digest"],
)
def test_incomplete_key_refuses_to_start(table: dict[str, Any], words: str) -> None:
    """An entry of `keys` says what it lacks."""
    with pytest.raises(AccountError, match=words) as caught:
        verifier(account_of(table))
    assert caught.value.reason is Verdict.INVALID_KEY


def test_two_keys_of_one_id_refuse_to_start() -> None:
    """Nobody could tell which one counts."""
    with pytest.raises(AccountError, match="two keys"):
        verifier(account_of(key_table(), key_table() | {"id": KEY_ID.upper()}))


def test_key_may_be_broken_into_lines() -> None:
    """An editor or a file's last line feed changes nothing."""
    text = "\n".join(public_key()[at : at + 64] for at in range(0, len(public_key()), 64)) + "\n"
    found = verifier(account_of(key_table(public=text))).verify(request_of(BODY), NOW)
    assert found.verdict is Verdict.VERIFIED


def test_digest_of_a_key_is_sha256_unless_said() -> None:
    """The default of the setting holds for an entry without it."""
    table = {name: value for name, value in key_table().items() if name != "digest"}
    assert verifier(account_of(table)).verify(request_of(BODY), NOW).verdict is Verdict.VERIFIED


def test_account_with_keys_has_no_secret_headers() -> None:
    """A signature is no secret: it may be kept, so that a record can be verified again."""
    assert verifier(account_of()).secrets.headers == frozenset()
