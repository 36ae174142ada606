"""Syniverse's bodies, requests and accounts for tests. The passwords protect nothing."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from providers.contract import NO_SETTINGS, Account, Request, Secret, Settings
from providers.syniverse.api.paths import MESSAGES
from providers.syniverse.normalize import normalize
from schemas.codec import decode_event, encode_event
from schemas.envelope import event_to_record
from schemas.events import Event
from schemas.vocabulary import Ingress
from schemas.webhook import Webhook

NOW = 1_767_225_600
PAIR = "ess:correct horse"
OWN = Path(__file__).parents[1] / "fixtures" / "syniverse" / "events"
EXAMPLES = Path(__file__).parents[2] / ".." / "shared" / "providers" / "syniverse" / "examples"


def example(name: str) -> bytes:
    """Return an example file of the specification; skip the test where the specification is not beside us."""
    path = EXAMPLES / f"{name}.json"
    if not path.exists():
        pytest.skip("the specification's examples are not here")
    return path.read_bytes()


def own_names() -> list[str]:
    """Return the names of our own fixtures."""
    return sorted(path.stem for path in OWN.glob("*.json"))


def own_body(name: str) -> bytes:
    """Return the body of `tests/fixtures/syniverse/events/<name>.json`."""
    return (OWN / f"{name}.json").read_bytes()


def own_value(name: str) -> Any:
    """Return the same, parsed."""
    return json.loads(own_body(name))


def webhook_of(body: bytes, *, target: str = "/webhooks/scg", ingress: str = Ingress.PUSH) -> Webhook:
    """Return the verified webhook that holds that body."""
    return Webhook(
        provider="syniverse",
        account="scg",
        tenant="acme",
        method="POST" if ingress == Ingress.PUSH else "GET",
        target=target,
        headers=(("content-type", "application/json; charset=UTF-8"),),
        body=body,
        received_at=datetime.fromtimestamp(NOW, UTC),
        ingress=ingress,
    )


def events_of(body: bytes, settings: Settings = NO_SETTINGS) -> tuple[Event, ...]:
    """Return the events of a pushed body."""
    return normalize(webhook_of(body), settings)


def polled_events(body: bytes, target: str = MESSAGES) -> tuple[Event, ...]:
    """Return the events of a polled item."""
    return normalize(webhook_of(body, target=target, ingress=Ingress.POLL))


def written(value: object) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value).encode()


def envelope(kind: str | None = "message_state_change", /, **changes: Any) -> dict[str, Any]:
    """Return an envelope around a field map; `company_id` stands for the one name with a hyphen."""
    fields = {name.replace("company_id", "company-id"): value for name, value in changes.items()}
    event = {"fld-val-list": fields, "timestamp": "2026-01-01T00:00:00.250Z"}
    return {
        "topic": "SCG-Message",
        "attempt": 1,
        "event": event if kind is None else {**event, "evt-tp": kind},
        "event-id": "BBBBBBBBBBBBBBBBBBBBBB",
    }


def assert_round_trip(found: Sequence[Event]) -> None:
    """Check that the events are told apart, survive the codec and can be stored."""
    assert found
    assert len({event.id for event in found}) == len(found)
    for event in found:
        assert decode_event(type(event), event.id, encode_event(event)) == event
        assert event_to_record(event).key


def basic(pair: str = PAIR, scheme: str = "Basic") -> dict[str, str]:
    """Return the header of a Basic credential."""
    return {"Authorization": f"{scheme} {base64.b64encode(pair.encode()).decode()}"}


def request_of(headers: Mapping[str, str], body: bytes = b"{}", peer: str | None = "192.0.2.7") -> Request:
    """Return a request with those headers."""
    fields = tuple((name.lower(), value) for name, value in headers.items())
    return Request("POST", "/webhooks/scg", fields, body, peer)


def account_of(**settings: Any) -> Account:
    """Return an account with those settings; with one Basic password where they name no proof."""
    proofs = settings.keys() & {"basic", "bearer", "mtls"}
    given = settings if proofs else {"basic": (Secret(PAIR, "env:SCG_BASIC"),), **settings}
    return Account(name="scg", provider="syniverse", settings=given)
