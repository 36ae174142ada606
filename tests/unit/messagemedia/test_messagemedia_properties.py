"""Whatever a request holds, there is an event that can be stored."""

import json
from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from providers.messagemedia.events.members import FIELD_NAMES
from providers.messagemedia.normalize import normalize
from schemas.vocabulary import Ingress
from tests.support.messagemedia_webhooks import assert_round_trip, fixture_names, fixture_value, webhook_of

WORDS = st.text(max_size=8) | st.sampled_from(
    ["$replyId", "$x", "STOP", "delivered", "reply", "opt_out", "220", "", " "]
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
NAMES = (
    st.sampled_from([*FIELD_NAMES, "id", "listed", "number", "drId", "moContent", "content.reply", "addresses"]) | WORDS
)
TARGETS = st.sampled_from(
    [
        "/webhooks/main",
        "/webhooks/main?group=reports",
        "/webhooks/main?group=replies",
        "/webhooks/main?group=opt_outs",
        "/v1/delivery_reports",
        "/v1/replies",
        "/v1/number_authorisation/mt/blacklist",
    ]
)
CONTENT_TYPES = st.none() | st.sampled_from(
    ["application/json", "application/x-www-form-urlencoded", "text/plain", "application/xml", "multipart/form-data"]
)
FIELD_MAPS = st.dictionaries(st.sampled_from(FIELD_NAMES), NAMES, max_size=3)


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
    if len(path) == 1:
        items = [(key, item) for key, item in value.items() if key != path[0]] if isinstance(value, dict) else None
        return dict(items) if items is not None else [item for at, item in enumerate(value) if at != path[0]]
    return replaced(value, path[:1], dropped(value[path[0]], path[1:]))


def changed(data: st.DataObject, value: Any, path: tuple[Any, ...]) -> Any:
    """Return a value with what is at a path dropped, nulled, retyped or nested."""
    how = data.draw(st.sampled_from(["drop", "null", "junk", "nest", "list"]))
    old = value
    for key in path:
        old = old[key]
    made: dict[str, Any] = {"null": None, "nest": {"x": old}, "list": [old]}
    new = data.draw(JUNK) if how == "junk" else made.get(how)
    return dropped(value, path) if how == "drop" else replaced(value, path, new)


@given(data=st.data(), name=st.sampled_from(fixture_names()), target=TARGETS, ingress=st.sampled_from(Ingress))
def test_any_field_may_be_anything(data: st.DataObject, name: str, target: str, ingress: Ingress) -> None:
    """Drop, null, retype or nest any field, pushed or polled: never an exception, never a lost event."""
    value: Any = fixture_value(name)
    for _ in range(data.draw(st.integers(1, 3))):
        found = places(value)[1:]
        if not found:
            break
        value = changed(data, value, data.draw(st.sampled_from(found)))
    assert_round_trip(normalize(webhook_of(json.dumps(value).encode(), target=target, ingress=ingress)))


@given(
    value=st.dictionaries(NAMES, JUNK, max_size=6), target=TARGETS, ingress=st.sampled_from(Ingress), names=FIELD_MAPS
)
def test_any_object_gives_an_event(value: dict[str, Any], target: str, ingress: Ingress, names: dict[str, str]) -> None:
    """Whatever the members and the account's names for them."""
    webhook = webhook_of(json.dumps(value).encode(), target=target, ingress=ingress)
    assert_round_trip(normalize(webhook, {"field_names": names}))


@given(body=st.binary() | st.text().map(str.encode), target=TARGETS, content_type=CONTENT_TYPES)
def test_any_bytes_give_an_event(body: bytes, target: str, content_type: str | None) -> None:
    """Whatever the bytes and their content type."""
    assert_round_trip(normalize(webhook_of(body, target=target, content_type=content_type)))


@given(query=st.text(st.characters(exclude_categories=()), max_size=60), content_type=CONTENT_TYPES)
def test_any_query_gives_an_event(query: str, content_type: str | None) -> None:
    """Whatever stands in the URL of a GET, lone surrogates among it."""
    target = f"/webhooks/main?{query}"
    assert_round_trip(normalize(webhook_of(method="GET", target=target, content_type=content_type)))


@given(fields=st.lists(st.tuples(NAMES, WORDS), max_size=8), escaped=st.booleans(), by_get=st.booleans())
def test_any_form_gives_an_event(fields: list[tuple[str, str]], escaped: bool, by_get: bool) -> None:
    """Fields in a body or a query, escaped or as they are."""
    text = "&".join(f"{quote(name)}={quote(value)}" if escaped else f"{name}={value}" for name, value in fields)
    if by_get:
        webhook = webhook_of(method="GET", target=f"/webhooks/main?{text}", content_type=None)
    else:
        webhook = webhook_of(text.encode(), content_type="application/x-www-form-urlencoded")
    assert_round_trip(normalize(webhook))


@given(
    content=st.text(max_size=300), attachments=JUNK | st.lists(st.dictionaries(NAMES, WORDS, max_size=3), max_size=3)
)
def test_what_a_person_wrote_arrives_whole(content: str, attachments: object) -> None:
    """Whatever the text, it is the text; whatever the files, they are none of the event."""
    value = {"reply_id": "5e1", "source_number": "+61491570156", "content": f"> {content}", "attachments": attachments}
    (event,) = normalize(webhook_of(json.dumps(value).encode()))
    assert getattr(event, "text", None) == f"> {content}".encode("utf-8", "replace").decode()
