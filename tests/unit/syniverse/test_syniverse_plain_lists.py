"""A list written as we would write it is read a quicker way, and must be read the same."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from providers.syniverse.events.reading import read
from schemas.webhook import Webhook

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_EVENTS = st.lists(st.dictionaries(st.sampled_from(["attempt", "event", "topic", "a"]), _VALUES), max_size=4)


def _webhook(body: bytes) -> Webhook:
    moment = datetime(2026, 1, 15, tzinfo=UTC)
    return Webhook(
        provider="syniverse", account="scg", method="POST", target="/", headers=(), body=body, received_at=moment
    )


@given(_EVENTS, st.booleans())
def test_a_list_gives_the_same_with_and_without_blanks(events: list[dict[str, object]], repeated: bool) -> None:
    """A blank between the events takes a body off the quick way, and changes nothing of what is read."""
    parts = [json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() for event in events]
    if repeated:
        parts.append(b'{"a":0.10,"a":18446744073709551616}')
    quick, slow = (read(_webhook(b"[" + comma.join(parts) + b"]")) for comma in (b",", b" , "))
    assert [(one.json, one.root, one.fields, one.kind, one.failure) for one in quick] == [
        (one.json, one.root, one.fields, one.kind, one.failure) for one in slow
    ]
    assert [one.body for one in quick if one.json] == [one.body for one in slow if one.json]
