"""Signed MessageMedia requests and webhooks for tests. The keys are made for the run and protect nothing."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA224, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.contract import Account, Request, Secret
from providers.messagemedia.normalize import normalize
from schemas.codec import decode_event, encode_event
from schemas.envelope import event_to_record
from schemas.events import Event
from schemas.vocabulary import Ingress
from schemas.webhook import Webhook

NOW = 1_767_225_600
TARGET = "/webhooks/main?group=reports"
KEY_ID = "7ca628a8-08b0-4e42-aeb8-960b37049c31"
OTHER_KEY_ID = "6a0108cf-3659-435e-800e-004beb910fd1"
SHARED_SECRET = "p5-a-shared-secret-of-the-tests"
FIXTURES = Path(__file__).parents[1] / "fixtures" / "messagemedia"
EXAMPLES = Path(__file__).parents[3] / "shared" / "providers" / "messagemedia" / "examples"
HASHES: Mapping[str, HashAlgorithm] = {"SHA224": SHA224(), "SHA256": SHA256(), "SHA384": SHA384(), "SHA512": SHA512()}


@cache
def private_key(name: str = KEY_ID) -> RSAPrivateKey:
    """Return the key of that name, always the same within a process."""
    assert name
    return generate_private_key(65537, 2048)


def public_key(name: str = KEY_ID) -> str:
    """Return a public key as the API shows it once: base64 of its DER."""
    key = private_key(name).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def sign(signed: bytes, name: str = KEY_ID, digest: str = "SHA256") -> str:
    """Return the base64 signature over those bytes."""
    return base64.b64encode(private_key(name).sign(signed, PKCS1v15(), HASHES[digest])).decode()


def http_date_of(now: float) -> str:
    """Return the HTTP date of a moment."""
    return formatdate(now, usegmt=True)


def signed_headers(
    body: bytes,
    *,
    method: str = "POST",
    target: str = TARGET,
    now: float = NOW,
    key: str = KEY_ID,
    digest: str = "SHA256",
) -> dict[str, str]:
    """Return the headers of a genuine delivery."""
    date = http_date_of(now)
    return {
        "content-type": "application/json",
        "date": date,
        "x-messagemedia-signature": sign(f"{method} {target} HTTP/1.1{date}".encode() + body, key, digest),
        "x-messagemedia-digest-type": digest,
        "x-messagemedia-cipher-type": "RSA",
        "x-messagemedia-key-id": key,
    }


def request_of(
    body: bytes, headers: Mapping[str, str] | None = None, *, method: str = "POST", target: str = TARGET
) -> Request:
    """Return a request with those headers, or with those of a genuine delivery."""
    found = signed_headers(body, method=method, target=target) if headers is None else headers
    return Request(method, target, tuple((name.lower(), value) for name, value in found.items()), body)


def key_table(name: str = KEY_ID, digest: str = "SHA256", public: str | None = None) -> dict[str, Any]:
    """Return an entry of an account's `keys`, as the configuration reads it."""
    return {"id": name, "digest": digest, "public_key": Secret(public or public_key(name), f"file:{name}.key")}


def account_of(*keys: Mapping[str, Any], **settings: Any) -> Account:
    """Return an account with those keys, the test key if neither keys nor settings are given."""
    given = keys or (() if settings else (key_table(),))
    return Account(name="main", provider="messagemedia", settings={"keys": given, **settings})


def secret_account(*values: str, **settings: Any) -> Account:
    """Return an account with shared secrets under the usual name."""
    secrets = tuple(Secret(value, f"env:SECRET_{place}") for place, value in enumerate(values or (SHARED_SECRET,)))
    return Account(name="main", provider="messagemedia", settings={"secret_header": secrets, **settings})


def webhook_of(
    body: bytes = b"",
    *,
    method: str = "POST",
    target: str = "/webhooks/main",
    content_type: str | None = "application/json",
    ingress: str = Ingress.PUSH,
) -> Webhook:
    """Return the verified webhook that holds that body."""
    return Webhook(
        provider="messagemedia",
        account="main",
        tenant="acme",
        method=method,
        target=target,
        headers=() if content_type is None else (("content-type", content_type),),
        body=body,
        received_at=datetime.fromtimestamp(NOW, UTC),
        ingress=ingress,
    )


def polled(body: bytes, path: str) -> Webhook:
    """Return the raw record of an item that a poll found."""
    return webhook_of(body, method="GET", target=path, ingress=Ingress.POLL)


def events_of(value: object, settings: Mapping[str, Any] | None = None, **webhook: Any) -> tuple[Event, ...]:
    """Return the events of a body, given as bytes or as the value of its JSON, after checking that they can be kept."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    found = normalize(webhook_of(body, **webhook), settings or {})
    assert_round_trip(found)
    return found


def assert_round_trip(found: tuple[Event, ...]) -> None:
    """Check that the events are told apart, survive the codec and can be stored."""
    assert found
    assert len({event.id for event in found}) == len(found)
    for event in found:
        assert decode_event(type(event), event.id, encode_event(event)) == event
        assert event_to_record(event).key


def fixture_value(name: str) -> dict[str, Any]:
    """Return a webhook fixture as a plain value, to be changed at will."""
    value: dict[str, Any] = json.loads((FIXTURES / "webhooks" / f"{name}.json").read_bytes())
    return value


def fixture_names() -> list[str]:
    """Return the names of all webhook fixtures."""
    return sorted(path.stem for path in (FIXTURES / "webhooks").glob("*.json"))
