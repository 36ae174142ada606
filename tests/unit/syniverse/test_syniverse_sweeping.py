"""How a poll goes through a list, and what it remembers of it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.syniverse.sweeping import Place, Seen, following

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def millis(moment: datetime) -> int:
    """Return a time as REST bodies have it."""
    return int(moment.timestamp() * 1000)


@given(st.lists(st.integers(min_value=0, max_value=12), max_size=40), st.integers(min_value=1, max_value=7))
def test_any_times_and_any_ceiling_lose_nothing(times: Sequence[int], ceiling: int) -> None:
    """However many items share a moment, and however small the pages are, a sweep reads every item and ends."""
    begin = NOW - timedelta(hours=1)
    stored = sorted((begin + timedelta(milliseconds=time), str(at)) for at, time in enumerate(times))
    place: Place | None = Place(begin, NOW)
    seen: set[str] = set()
    for _ in range(3 * len(times) + 5):
        if place is None:
            break
        left = [item for item in stored if item[0] >= place.begin]
        page = left[place.offset : place.offset + ceiling]
        seen |= {ident for _, ident in page}
        items = [json.dumps({"id": ident, "created_date": millis(moment)}).encode() for moment, ident in page]
        place = following(place, items, len(left))
    assert place is None
    assert seen == {ident for _, ident in stored}


@given(st.lists(st.binary(), max_size=30), st.integers(min_value=1, max_value=5))
def test_memory_of_a_poll_is_bounded(items: Sequence[bytes], bound: int) -> None:
    """Whatever the items are: as many are known as there is room for."""
    seen = Seen(bound)
    for _ in range(2):
        seen.add(items)
        assert sum(item in seen for item in set(items)) == min(len(set(items)), bound)
        assert len(seen._digests) == len(seen._by_age) <= bound


@pytest.mark.parametrize("dated", [True, False])
def test_more_than_can_be_remembered_repeats_the_surplus_alone(dated: bool) -> None:
    """Sweeps read in one order: to forget what was added first would store all of it again with each sweep."""
    items = [
        json.dumps({"id": at, **({"created_date": millis(NOW) + at} if dated else {})}).encode() for at in range(120)
    ]
    seen = Seen(100)
    repeated: list[int] = []
    for _ in range(3):
        fresh: list[bytes] = []
        for at in range(0, 120, 10):
            fresh += [item for item in items[at : at + 10] if item not in seen]
            seen.add(items[at : at + 10])
        repeated.append(len(fresh))
        assert not dated or all(item in seen for item in items[20:])
    assert repeated == [120, 20, 20]


def test_known_item_is_remembered_once() -> None:
    """A page comes again as a whole where one item of it is new."""
    seen = Seen(3)
    for _ in range(5):
        seen.add([b'{"id": 1}', b'{"id": 2}'])
    assert (b'{"id": 1}' in seen, b'{"id": 2}' in seen, len(seen._by_age)) == (True, True, 2)
