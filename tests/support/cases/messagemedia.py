"""MessageMedia: RSA over request line, date and body; or a shared secret in a header."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from providers import messagemedia
from providers.contract import Request, Secret, Settings, Verdict
from providers.messagemedia.simulation.cloud import MessageMediaCloud
from tests.support.messagemedia_webhooks import KEY_ID, OTHER_KEY_ID, key_table, signed_headers
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

_FOLDER = FIXTURES / "messagemedia"
_PERSON, _OURS = "+61491570156", "+61491570157"
_WEEK = 7 * 86_400.0
_SECRET = "p5-a-shared-secret-of-the-suite"
_FORM = "application/x-www-form-urlencoded"
# What our own reading of a vector says; the others are genuine. The version is no part of a request here: the signed
# line says HTTP/1.1, whatever a proxy speaks to us.
_VERDICTS: Mapping[str, Verdict] = {
    **dict.fromkeys(
        (
            "body_tampered",
            "date_changed",
            "path_changed",
            "method_changed",
            "signed_by_another_key",
            "newline_joined_message_is_not_the_format",
            "body_only_is_not_the_format",
        ),
        Verdict.SIGNATURE_MISMATCH,
    ),
    "unknown_key_id": Verdict.UNKNOWN_KEY,
    "signature_not_base64": Verdict.INVALID_SIGNATURE_ENCODING,
}


def _signed(key: str = KEY_ID, **changes: str) -> Prove:
    def prove(request: Request, now: float) -> Mapping[str, str]:
        found = signed_headers(request.body, method=request.method, target=request.target, now=now, key=key)
        return {name: value for name, value in {**found, **changes}.items() if name != "content-type"}

    return prove


def _for_another_path(request: Request, now: float) -> Mapping[str, str]:
    return _signed()(replace(request, target="/webhooks/other"), now)


def _says(value: str, name: str = "x-hookline-secret") -> Prove:
    def prove(request: Request, now: float) -> Mapping[str, str]:
        del request, now
        return {name: value}

    return prove


def _told(name: str, **members: Any) -> Sample:
    moment = {"date_received": "2026-01-01T00:00:02.250Z"}
    vendor = {"vendor_account_id": {"vendor_id": "MessageMedia", "account_id": "Acme001"}, "metadata": {}}
    return Sample(name=name, body=json.dumps({**moment, **vendor, **members}).encode())


def _report(name: str, status: str, code: str) -> Sample:
    ids = {"delivery_report_id": f"report-{name}", "message_id": "message-1", "status": status, "error_code": code}
    text = {"original_text": "Your table is ready.", "submitted_date": "2026-01-01T00:00:01.125Z", "delay": 0}
    return _told(name, **ids, **text, source_number=_PERSON, billing_units=1.0)


def _reply(name: str, text: str) -> Sample:
    people = {"source_number": _PERSON, "destination_number": _OURS}
    return _told(name, reply_id=f"reply-{name}", message_id="message-1", content=text, **people)


def _shown(path: Path) -> Sample:
    sample = json_file(path)
    if path.name.endswith(".form.txt"):
        return replace(sample, content_type=_FORM)
    if path.name.endswith(".query.txt"):
        query = sample.body.decode().strip().partition("?")[2]
        return replace(sample, body=b"", method="GET", query=query, content_type="")
    return replace(sample, content_type="application/xml") if path.suffix == ".xml" else sample


def _vectors() -> Sequence[Vector]:
    found = json.loads((_FOLDER / "signature_vectors.json").read_text(encoding="utf-8"))["callback_signatures"]
    keys = tuple(key_table(key["key_id"], key["digest"], key["public_key"]) for key in found["public_keys"])
    return [_vector(vector, {"keys": keys}) for vector in found["vectors"]]


def _vector(vector: Mapping[str, Any], settings: Settings) -> Vector:
    method, target, _ = vector["request_line"].split(" ")
    headers = tuple((name.lower(), value) for name, value in vector["headers"].items())
    return Vector(
        name=vector["name"],
        settings=settings,
        request=Request(method, target, headers, base64.b64decode(vector["body_base64"])),
        now=parsedate_to_datetime(vector["headers"]["Date"]).timestamp(),
        verdict=_VERDICTS.get(vector["name"], Verdict.VERIFIED),
    )


def _secrets(*values: str) -> Settings:
    return {"secret_header": tuple(Secret(value, f"env:SECRET_{at}") for at, value in enumerate(values))}


_STORY = Story(
    sent=_report("sent", "submitted", "200"),
    delivered=_report("delivered", "delivered", "220"),
    reply=_reply("reply", "See you at 7!"),
    stop=_reply("stop", "STOP"),
)
_BY_SIGNATURE = Way(
    name="signature",
    settings={"keys": (key_table(),)},
    prove=_signed(),
    false={
        "other_key": lambda request, now: {**_signed(OTHER_KEY_ID)(request, now), "x-messagemedia-key-id": KEY_ID},
        "unknown_key": _signed(OTHER_KEY_ID),
        "other_digest": _signed(**{"x-messagemedia-digest-type": "SHA512"}),
        "other_cipher": _signed(**{"x-messagemedia-cipher-type": "DSA"}),
        "other_path": _for_another_path,
        "no_base64": _signed(**{"x-messagemedia-signature": "!"}),
    },
    patience=_WEEK,
    covers_body=True,
)
_BY_SECRET = Way(
    name="secret_header",
    settings=_secrets(_SECRET),
    prove=_says(_SECRET),
    false={"other_secret": _says("another"), "other_header": _says(_SECRET, "x-another")},
    secrets=(_SECRET,),
)

MESSAGEMEDIA_CASE = ProviderCase(
    provider=messagemedia.PROVIDER,
    cloud=MessageMediaCloud,
    folder=ROOT / "providers" / "messagemedia",
    ways=(
        _BY_SIGNATURE,
        replace(_BY_SIGNATURE, name="one_of_two_keys", settings={"keys": (key_table(), key_table("another-key"))}),
        replace(_BY_SIGNATURE, name="keys_and_secret", settings={"keys": (key_table(),), **_secrets(_SECRET)}),
        _BY_SECRET,
        replace(_BY_SECRET, name="one_of_two_secrets", settings=_secrets("an older one", _SECRET)),
        replace(
            _BY_SECRET,
            name="secret_in_a_header_of_choice",
            settings={"secret_header": ({"name": "x-own", "value": Secret(_SECRET, "env:SECRET")},)},
            prove=_says(_SECRET, "x-own"),
            false={"other_secret": _says("another", "x-own"), "other_header": _says(_SECRET)},
        ),
    ),
    fixtures=_FOLDER / "webhooks",
    examples=shared("messagemedia"),
    shown=_shown,
    story=_STORY,
    twins=(
        (_STORY.sent, replace(_STORY.sent, name="sent_item", polled="/v1/delivery_reports")),
        (_STORY.delivered, replace(_STORY.delivered, name="delivered_item", polled="/v1/delivery_reports")),
        (_STORY.reply, replace(_STORY.reply, name="reply_item", polled="/v1/replies")),
        (_STORY.stop, replace(_STORY.stop, name="stop_item", polled="/v1/replies")),
    ),
    vectors=_vectors,
    unusable={
        "nothing": {"keys": (), "secret_header": ()},
        "malformed_key": {"keys": (key_table(public="this is no key"),)},
        "one_good_one_malformed": {"keys": (key_table(), key_table("another-key", public="this is no key"))},
        "unknown_digest": {"keys": (key_table(digest="MD5"),)},
        "empty_secret": _secrets(""),
        "secret_that_no_header_holds": _secrets("two\nlines"),
    },
    credentials={
        "api_key": Secret("key-of-the-suite", "env:MESSAGEMEDIA_API_KEY"),
        "api_secret": Secret("secret-of-the-suite", "env:MESSAGEMEDIA_API_SECRET"),
    },
)
