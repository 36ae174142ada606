"""Whatever a body holds, pushed or polled, there is an event that can be stored."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from providers.syniverse.api.paths import CONSENT_HISTORY, MESSAGE_REQUESTS, MESSAGES
from providers.syniverse.normalize import normalize
from providers.syniverse.signature import verifier
from schemas.vocabulary import Ingress
from tests.support.syniverse import (
    NOW,
    account_of,
    assert_round_trip,
    basic,
    own_names,
    own_value,
    request_of,
    webhook_of,
    written,
)

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
REST: list[dict[str, Any]] = [
    {
        "id": "m",
        "message_request_id": "r",
        "direction": "MT",
        "from_address": "66000",
        "to_address": "+15555550142",
        "state": "FAILED",
        "failure_code": "NO_CONSENT",
        "price": 0.0075,
        "attachments": ["a", "b"],
        "fragments_info": [{"fragment_id": "f"}],
        "delivered_date": 1767225600000,
        "last_updated_date": 1767225600000,
    },
    {"id": "m", "direction": "MO", "from_address": "+15555550142", "body": "STOP", "state": "RECEIVED", "type": "SMS"},
    {"id": "r", "state": "COMPLETED", "recipient_count": 2, "failed_count": "1", "external_id": " x"},
    {"msisdn": "15555550142", "sender_id": "s", "status": "OPTOUT", "source": "CARRIER", "timestamp": 1767225600000},
]
TARGETS = st.sampled_from([MESSAGES, MESSAGE_REQUESTS, CONSENT_HISTORY, "/elsewhere"])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of everything in a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inside for found in places(item, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a value with another one at a path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def dropped(value: Any, path: tuple[Any, ...]) -> Any:
    """Return a value without what is at a path."""
    if len(path) > 1:
        return replaced(value, path[:1], dropped(value[path[0]], path[1:]))
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if key != path[0]}
    return [item for at, item in enumerate(value) if at != path[0]]


def disturbed(data: st.DataObject, value: Any) -> Any:
    """Return a value in which up to three things are dropped, null, retyped or nested."""
    for _ in range(data.draw(st.integers(1, 3))):
        found = places(value)[1:]
        if not found:
            break
        path = data.draw(st.sampled_from(found))
        how = data.draw(st.sampled_from(["drop", "null", "junk", "nest", "list"]))
        old = value
        for key in path:
            old = old[key]
        changed: dict[str, Any] = {"null": None, "nest": {"x": old}, "list": [old]}
        new = data.draw(JUNK) if how == "junk" else changed.get(how)
        value = dropped(value, path) if how == "drop" else replaced(value, path, new)
    return value


@given(data=st.data(), name=st.sampled_from(own_names()))
def test_any_field_of_a_push_may_be_anything(data: st.DataObject, name: str) -> None:
    """Drop, null, retype or nest any field: never an exception, never a lost event."""
    assert_round_trip(normalize(webhook_of(written(disturbed(data, own_value(name))))))


@given(data=st.data(), item=st.sampled_from(REST), target=TARGETS)
def test_any_field_of_a_polled_item_may_be_anything(data: st.DataObject, item: dict[str, Any], target: str) -> None:
    """The same, whatever path it came from."""
    body = written(disturbed(data, item))
    assert_round_trip(normalize(webhook_of(body, target=target, ingress=Ingress.POLL)))


@given(data=st.data(), names=st.lists(st.sampled_from(own_names()), min_size=1, max_size=4))
def test_any_list_gives_every_event(data: st.DataObject, names: list[str]) -> None:
    """A list of disturbed events gives at least the event of each that is alone."""
    items = [disturbed(data, own_value(name)) for name in names]
    found = normalize(webhook_of(written(items)))
    assert_round_trip(found)
    alone = {event.id for item in items for event in normalize(webhook_of(written(item)))}
    assert isinstance(items[0], list) or alone & {event.id for event in found}


@given(body=st.binary() | st.text().map(str.encode) | JUNK.map(written), polled=st.booleans(), target=TARGETS)
def test_any_bytes_give_an_event(body: bytes, polled: bool, target: str) -> None:
    """Whatever the bytes, there is an event, and it can be stored."""
    ingress = Ingress.POLL if polled else Ingress.PUSH
    assert_round_trip(normalize(webhook_of(body, target=target, ingress=ingress)))


@given(body=st.binary() | JUNK.map(written), manager=JUNK, base=JUNK)
def test_any_settings_give_an_event(body: bytes, manager: object, base: object) -> None:
    """Settings of a wrong type count as absent."""
    assert normalize(webhook_of(body), {"consent_managed_by": manager, "base_url": base})


@given(body=st.binary() | st.text().map(str.encode) | JUNK.map(written))
def test_the_explanation_of_an_allow_list_agrees_with_its_verdict(body: bytes) -> None:
    """Whatever the bytes: what tells no company passes, what tells another does not."""
    checker = verifier(account_of(company_ids=("an id that no body holds",)))
    found = checker.verify(request_of(basic(), body), NOW).verdict
    assert found in {"verified", "wrong_company"}
    assert checker.explain(request_of(basic(), body), NOW)[-1].ok == (found == "verified")


@given(before=JUNK, after=JUNK)
def test_no_body_that_tells_another_company_passes(before: object, after: object) -> None:
    """Whatever stands around it."""
    checker = verifier(account_of(company_ids=("1500",)))
    body = written({"event": {"before": before, "fld-val-list": {"company-id": 1501}, "after": after}})
    assert checker.verify(request_of(basic(), body), NOW).verdict == "wrong_company"
