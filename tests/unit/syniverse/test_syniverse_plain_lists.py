"""A list written as we would write it is read a quicker way, and must be read the same."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from providers.syniverse.events.reading import Reading, read
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
def test_each_event_of_a_list_is_read_as_if_it_came_alone(events: list[dict[str, object]], repeated: bool) -> None:
    """The quick way of a list tells what the way of a lone event tells, with its very bytes."""
    parts = [json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() for event in events]
    if repeated or not parts:
        parts.append(b'{"a":0.10,"a":18446744073709551616}')
    listed = read(_webhook(b"[" + b",".join(parts) + b"]"))
    alone = [one for part in parts for one in read(_webhook(part))]
    assert [_told(one) for one in listed] == [_told(one) for one in alone]


def _told(one: Reading) -> tuple[object, ...]:
    raw = None if one.json is None else one.json.raw
    return one.body, raw, one.root, one.fields, one.kind, one.failure
