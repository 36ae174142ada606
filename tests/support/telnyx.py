"""Signed Telnyx requests and webhooks for tests. The key pair is made from a fixed seed and protects nothing."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from providers.contract import Account, Request, Secret
from schemas.webhook import Webhook

SEED = bytes(range(32))
NOW = 1_767_225_600
FIXTURES = Path(__file__).parents[1] / "fixtures" / "telnyx"
EVENTS = FIXTURES / "events"


def public_key(seed: bytes = SEED) -> str:
    """Return the public key of a seed, as Telnyx's portal shows it."""
    return base64.b64encode(bytes(SigningKey(seed).verify_key)).decode()


def signed_headers(body: bytes, now: float = NOW, *, seed: bytes = SEED) -> dict[str, str]:
    """Return the headers of a genuine delivery of that body."""
    timestamp = str(int(now))
    signature = SigningKey(seed).sign(timestamp.encode() + b"|" + body).signature
    return {
        "content-type": "application/json",
        "user-agent": "telnyx-webhooks",
        "telnyx-timestamp": timestamp,
        "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
    }


def request_of(body: bytes, headers: Mapping[str, str] | None = None) -> Request:
    """Return a request with those headers, or with those of a genuine delivery."""
    found = signed_headers(body) if headers is None else headers
    fields = tuple((name.lower(), value) for name, value in found.items())
    return Request(method="POST", target="/webhooks/main", headers=fields, body=body)


def webhook_of(body: bytes, *, account: str = "main", now: float = NOW, target: str = "/webhooks/main") -> Webhook:
    """Return the verified webhook that holds that body."""
    return Webhook(
        provider="telnyx",
        account=account,
        tenant="acme",
        method="POST",
        target=target,
        headers=tuple(signed_headers(body, now).items()),
        body=body,
        received_at=datetime.fromtimestamp(now, UTC),
    )


def account_of(*keys: str, **settings: Any) -> Account:
    """Return an account with those public keys, the test key if none is given."""
    secrets = tuple(Secret(key, f"env:KEY_{place}") for place, key in enumerate(keys or (public_key(),)))
    return Account(name="main", provider="telnyx", settings={"public_keys": secrets, **settings})


def event_body(name: str) -> bytes:
    """Return the body of `tests/fixtures/telnyx/events/<name>.json`."""
    return (EVENTS / f"{name}.json").read_bytes()


def event_names() -> list[str]:
    """Return the names of all event fixtures."""
    return sorted(path.stem for path in EVENTS.glob("*.json"))


def event_value(name: str) -> dict[str, Any]:
    """Return a fixture as a plain value, to be changed at will."""
    value: dict[str, Any] = json.loads(event_body(name))
    return value
