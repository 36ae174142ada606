"""Telnyx: Ed25519 over timestamp and body."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from providers import telnyx
from providers.contract import Request, Secret, Verdict
from providers.telnyx.simulation.cloud import TelnyxCloud
from tests.support.provider_cases import (
    FIXTURES,
    ROOT,
    Prove,
    ProviderCase,
    Sample,
    Story,
    Vector,
    Way,
    json_file,
    shared,
)
from tests.support.telnyx import public_key, request_of, signed_headers

_FOLDER = FIXTURES / "telnyx"
_PERSON, _OURS, _PROFILE = "+13125550142", "+13125550100", "4001567a-0000-4000-8000-000000000001"
_NOT_BASE64 = "this is no key"


def _signed(request: Request, now: float) -> Mapping[str, str]:
    return _proof(request.body, now)


def _by_another(request: Request, now: float) -> Mapping[str, str]:
    return _proof(request.body, now, seed=bytes(reversed(range(32))))


def _over_the_body_alone(request: Request, now: float) -> Mapping[str, str]:
    signed = _proof(request.body, now)
    return {**signed, "telnyx-timestamp": str(int(now) + 1)}


def _proof(body: bytes, now: float, **more: Any) -> Mapping[str, str]:
    headers = signed_headers(body, now, **more)
    return {name: value for name, value in headers.items() if name.startswith("telnyx-")}


def _keys(*texts: str) -> Mapping[str, Any]:
    return {"public_keys": tuple(Secret(text, f"env:KEY_{at}") for at, text in enumerate(texts))}


def _said(name: str, kind: str, payload: Mapping[str, Any]) -> Sample:
    moment = "2026-01-01T00:00:00.000+00:00"
    data = {"record_type": "event", "event_type": kind, "id": f"event-{name}", "occurred_at": moment}
    meta = {"attempt": 1, "delivered_to": "https://hooks.example.com/webhooks/main"}
    body = json.dumps({"data": {**data, "payload": payload}, "meta": meta}).encode()
    return Sample(name=name, body=body)


def _outbound(name: str, kind: str, status: str) -> Sample:
    to = [{"phone_number": _PERSON, "status": status, "carrier": "", "line_type": ""}]
    sender = {"phone_number": _OURS, "carrier": "", "line_type": ""}
    payload = {"record_type": "message", "direction": "outbound", "id": "message-1", "type": "SMS"}
    return _said(name, kind, {**payload, "from": sender, "to": to, "text": "Your table is ready.", "errors": []})


def _inbound(name: str, text: str, **more: str) -> Sample:
    payload = {"record_type": "message", "direction": "inbound", "id": f"inbound-{name}", "type": "SMS"}
    people = {"from": {"phone_number": _PERSON}, "to": [{"phone_number": _OURS}], "media": []}
    said = {"text": text, "messaging_profile_id": _PROFILE, "received_at": "2026-01-01T00:00:00.000+00:00"}
    return _said(name, "message.received", {**payload, **people, **said, **more})


def _vectors() -> Sequence[Vector]:
    found = json.loads((_FOLDER / "signature_vectors.json").read_text(encoding="utf-8"))
    return [
        Vector(
            name=vector["name"],
            settings=_keys(found["keys"][vector["public_key"]]["public_key_base64"]),
            request=request_of(base64.b64decode(vector["body_base64"]), vector["headers"]),
            now=vector["now_unix"],
            verdict=Verdict.VERIFIED if vector["reason"] == "ok" else vector["reason"],
        )
        for vector in found["vectors"]
    ]


def _retried(body: bytes) -> bytes:
    return body.replace(b'"attempt": 1', b'"attempt": 2').replace(b"//hooks.example.com/", b"//failover.example.com/")


_FALSE: Mapping[str, Prove] = {"other_key": _by_another, "other_time": _over_the_body_alone}

TELNYX_CASE = ProviderCase(
    provider=telnyx.PROVIDER,
    cloud=TelnyxCloud,
    folder=ROOT / "providers" / "telnyx",
    ways=(
        Way(
            name="signature",
            settings=_keys(public_key()),
            prove=_signed,
            false=_FALSE,
            patience=300.0,
            covers_body=True,
        ),
        Way(
            name="one_of_two_keys",
            settings=_keys(public_key(bytes(range(1, 33))), public_key()),
            prove=_signed,
            false=_FALSE,
            patience=300.0,
            covers_body=True,
        ),
    ),
    fixtures=_FOLDER / "events",
    examples=shared("telnyx"),
    shown=json_file,
    story=Story(
        sent=_outbound("sent", "message.sent", "sent"),
        delivered=_outbound("delivered", "message.finalized", "delivered"),
        reply=_inbound("reply", "See you at 7!"),
        stop=_inbound("stop", "STOP", autoresponse_type="STOP"),
    ),
    vectors=_vectors,
    retried=_retried,
    unusable={
        "no_keys": {"public_keys": ()},
        "empty_key": _keys(""),
        "malformed_key": _keys(_NOT_BASE64),
        "one_good_one_malformed": _keys(public_key(), _NOT_BASE64),
    },
    credentials={"api_key": Secret("KEY_of_the_suite", "env:TELNYX_API_KEY")},
)
