"""Acme, the fourth provider: HMAC-SHA256 over time and body, polls and confirmations."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers.contract import Request, Secret, Settings, Verdict
from tests.support.fourth import PROVIDER
from tests.support.fourth.simulation import AcmeCloud
from tests.support.provider_cases import (
    FIXTURES,
    NOW,
    ROOT,
    Prove,
    ProviderCase,
    Sample,
    Story,
    Vector,
    Way,
    json_file,
    request_of,
)

SECRET, OTHER = "acme signs with this", "and not with that"
_PERSON, _OURS = "+15555550142", "+15555550100"


def _signed(secret: str) -> Prove:
    def prove(request: Request, now: float) -> Mapping[str, str]:
        time = str(int(now))
        digest = hmac.new(secret.encode(), time.encode() + b"." + request.body, hashlib.sha256).hexdigest()
        return {"acme-time": time, "acme-signature": digest}

    return prove


def _without_time(request: Request, now: float) -> Mapping[str, str]:
    return {"acme-signature": _signed(SECRET)(request, now)["acme-signature"]}


def _secrets(*texts: str) -> Settings:
    return {"secrets": tuple(Secret(text, f"env:SECRET_{at}") for at, text in enumerate(texts))}


def _event(name: str, kind: str, **fields: Any) -> Sample:
    value = {"id": f"ev-{name}", "type": kind, "at": "2026-01-01T00:00:00Z", **fields}
    return Sample(name=name, body=json.dumps(value).encode())


def _delivery(name: str, state: str) -> Sample:
    return _event(name, "delivery", message="m-1", **{"from": _OURS, "to": _PERSON}, state=state)


def _inbound(name: str, text: str) -> Sample:
    return _event(name, "inbound", message=f"m-{name}", **{"from": _PERSON, "to": _OURS}, text=text)


def _vectors() -> tuple[Vector, ...]:
    sample = Sample(name="vector", body=b'{"id":"1"}')
    # Computed by hand, apart from the code above: printf '1767225600.{"id":"1"}' | openssl dgst -sha256 -hmac ...
    proof = {
        "acme-time": "1767225600",
        "acme-signature": "171c1942123cafce13bcb529645e78d3a85612b387e0d479fc4bbbafabf67ff5",
    }
    genuine = Vector(
        name="computed", settings=_secrets(SECRET), request=request_of(sample, proof), now=NOW, verdict=Verdict.VERIFIED
    )
    wrong = replace(genuine, name="other_secret", settings=_secrets(OTHER), verdict=Verdict.SIGNATURE_MISMATCH)
    return (genuine, wrong)


_STORY = Story(
    sent=_delivery("sent", "SENT"),
    delivered=_delivery("delivered", "DELIVERED"),
    reply=_inbound("reply", "See you at 7!"),
    stop=_inbound("stop", "STOP"),
)
_ONE_SECRET = Way(
    name="signature",
    settings=_secrets(SECRET),
    prove=_signed(SECRET),
    false={"other_secret": _signed(OTHER), "without_time": _without_time},
    patience=300.0,
    covers_body=True,
    secrets=(SECRET,),
)

ACME_CASE = ProviderCase(
    provider=PROVIDER,
    cloud=AcmeCloud,
    folder=ROOT / "tests" / "support" / "fourth",
    ways=(_ONE_SECRET, replace(_ONE_SECRET, name="one_of_two", settings=_secrets("an older one", SECRET))),
    fixtures=FIXTURES / "acme" / "events",
    shown=json_file,
    story=_STORY,
    twins=tuple((sample, replace(sample, polled="/events")) for sample in _STORY.samples),
    vectors=_vectors,
    unusable={"no_secrets": {"secrets": ()}, "one_good_one_empty": _secrets(SECRET, " ")},
    credentials={"token": Secret("token of the suite", "env:ACME_TOKEN")},
)
