"""Syniverse SCG: nothing is signed; a password, a token or a certificate that a proxy verified tells who posts."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from providers import syniverse
from providers.contract import Request, Secret, Settings
from providers.syniverse.api.paths import MESSAGES
from providers.syniverse.simulation.cloud import SyniverseCloud
from tests.support.provider_cases import (
    FIXTURES,
    ROOT,
    Prove,
    ProviderCase,
    Sample,
    Story,
    Way,
    json_file,
    shared,
)
from tests.support.syniverse import basic

_PERSON, _OURS, _SENDER = "+14085550142", "66000", "RexWQXiD7pF7KzvepiygC7"
_TYPE = "application/json; charset=UTF-8"
_MOMENT, _MILLIS = "2026-01-01T00:00:00.250Z", 1_767_225_600_250
_PASSWORD, _TOKEN = "correct horse of the suite", "token-of-our-own-issuer"
_FINGERPRINT = "AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01"
_PROXY_HEADER = "x-client-cert-fingerprint"


def _sends(**headers: str) -> Prove:
    def prove(request: Request, now: float) -> Mapping[str, str]:
        del request, now
        return {name.replace("_", "-"): value for name, value in headers.items()}

    return prove


def _basic(pair: str) -> Prove:
    return _sends(**basic(pair))


def _pairs(*texts: str) -> Settings:
    return {"basic": tuple(Secret(text, f"env:BASIC_{at}") for at, text in enumerate(texts))}


def _certificates(*values: str, proxies: tuple[str, ...] = ("127.0.0.0/8",)) -> Settings:
    return {"mtls": {"header": _PROXY_HEADER, "values": values, "proxies": proxies}}


def _pushed(name: str, kind: str, fields: Mapping[str, Any]) -> Sample:
    event = {"fld-val-list": {"company-id": 1500, "application_id": 1704, **fields}, "evt-tp": kind}
    body = {"topic": "SCG-Message", "attempt": 1, "event": {**event, "timestamp": _MOMENT}, "event-id": f"event-{name}"}
    return Sample(name=name, body=json.dumps(body).encode(), content_type=_TYPE)


def _state(name: str, before: str, after: str) -> Sample:
    fields = {"message_id": "message-1", "message_request_id": "request-1", "previous_state": before}
    people = {"from_address": _OURS, "to_address": _PERSON, "sender_id_id": _SENDER}
    reason = {"new_state": after, "reason_code": "200", "reason_description": "SUCCESS", "mt_price": "0.0095"}
    return _pushed(name, "message_state_change", {**fields, **people, **reason})


def _inbound(name: str, text: str) -> Sample:
    people = {"from_address": _PERSON, "to_address": _OURS, "sender_id_id": _SENDER}
    said = {"message_id": f"inbound-{name}", "message_body": text, "has_attachment": False, "fragments_count": 1}
    return _pushed(name, "mo_message_received", {**people, **said, "mo_price": 0.0050})


def _item(name: str, **fields: Any) -> Sample:
    value = {"version_number": 1, "type": "SMS", "created_date": _MILLIS, "last_updated_date": _MILLIS, **fields}
    return Sample(name=name, body=json.dumps(value).encode(), polled=MESSAGES)


def _outbound_item(name: str, state: str) -> Sample:
    people = {"from_address": _OURS, "to_address": _PERSON, "customer_sender_id": _SENDER}
    return _item(name, id="message-1", direction="MT", state=state, sent_date=_MILLIS, price=0.0240, **people)


def _inbound_item(name: str, text: str) -> Sample:
    people = {"from_address": _PERSON, "to_address": _OURS, "customer_sender_id": _SENDER}
    return _item(f"{name}_item", id=f"inbound-{name}", direction="MO", state="RECEIVED", body=text, **people)


def _shown(path: Path) -> Sample:
    sample = json_file(path)
    listed = path.name.startswith("rest_message_") and "request" not in path.name
    return replace(sample, polled=MESSAGES) if listed else replace(sample, content_type=_TYPE)


_STORY = Story(
    sent=_state("sent", "QUEUED", "SENT"),
    delivered=_state("delivered", "SENT", "DELIVERED"),
    reply=_inbound("reply", "See you at 7!"),
    stop=_inbound("stop", "STOP"),
)
_PAIR = f"ess:{_PASSWORD}"
_BY_PASSWORD = Way(
    name="basic",
    settings=_pairs(_PAIR),
    prove=_basic(_PAIR),
    false={
        "other_password": _basic("ess:another"),
        "other_user": _basic(f"sse:{_PASSWORD}"),
        "no_base64": _sends(Authorization=f"Basic {_PAIR}"),
        "as_bearer": _sends(Authorization=f"Bearer {_PAIR}"),
    },
    secrets=(_PASSWORD,),
)

SYNIVERSE_CASE = ProviderCase(
    provider=syniverse.PROVIDER,
    cloud=SyniverseCloud,
    folder=ROOT / "providers" / "syniverse",
    ways=(
        _BY_PASSWORD,
        replace(_BY_PASSWORD, name="one_of_two_passwords", settings=_pairs("ess:an older one", _PAIR)),
        replace(
            _BY_PASSWORD,
            name="basic_for_one_company",
            settings={**_pairs(_PAIR), "company_ids": ("1500",), "application_ids": ("1704",)},
            foreign=(
                _pushed("company", "message_state_change", {"company-id": 1501}),
                _pushed("application", "message_state_change", {"application_id": 1705}),
                Sample(name="two_companies", body=b'{"company-id":1501,"company-id":1500}'),
            ),
        ),
        Way(
            name="bearer",
            settings={"bearer": (Secret(_TOKEN, "env:BEARER"),)},
            prove=_sends(Authorization=f"Bearer {_TOKEN}"),
            false={"other_token": _sends(Authorization="Bearer another"), "as_basic": _basic(f"ess:{_TOKEN}")},
            secrets=(_TOKEN,),
        ),
        Way(
            name="mutual_tls",
            settings=_certificates(_FINGERPRINT),
            prove=_sends(**{_PROXY_HEADER: _FINGERPRINT}),
            false={"other_certificate": _sends(**{_PROXY_HEADER: _FINGERPRINT.replace("AB", "BA")})},
        ),
    ),
    fixtures=FIXTURES / "syniverse" / "events",
    examples=shared("syniverse"),
    shown=_shown,
    story=_STORY,
    twins=(
        (_STORY.sent, _outbound_item("sent_item", "SENT")),
        (_STORY.delivered, _outbound_item("delivered_item", "DELIVERED")),
        (_STORY.reply, _inbound_item("reply", "See you at 7!")),
        (_STORY.stop, _inbound_item("stop", "STOP")),
    ),
    retried=lambda body: body.replace(b'"attempt": 1', b'"attempt": 2'),
    unusable={
        "nothing": {"basic": ()},
        "no_pair": _pairs("a password alone"),
        "one_good_one_not": _pairs(_PAIR, ":"),
        "token_with_a_blank": {"bearer": (Secret("two words", "env:BEARER"),)},
        "anybody_may_name_a_certificate": _certificates(_FINGERPRINT, proxies=()),
        "no_certificates": _certificates(),
        "unknown_manager_of_consent": {**_pairs(_PAIR), "consent_managed_by": "NOBODY"},
    },
    credentials={"token": Secret("token-of-the-suite", "env:SYNIVERSE_TOKEN")},
)
