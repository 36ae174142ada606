"""Who gives way at the limit of connections: the longest idle, then the slowest body, never a whole request."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ingest.places import NEW_FOR, Places
from tests.conftest import FakeClock


@dataclass(eq=False)
class Holder:
    """A connection that is as the test says."""

    idle: bool = True
    awaits_body: bool = False
    closing: bool = False


def served(places: Places[Holder]) -> Holder:
    """Return one that has a place and had a success."""
    holder = Holder()
    places.take(holder)
    places.began(holder)
    places.answered(holder, well=True)
    return holder


def reading(places: Places[Holder]) -> Holder:
    """Return one that has a place and half a body."""
    holder = Holder(idle=False, awaits_body=True)
    places.take(holder)
    places.began(holder)
    return holder


def test_the_longest_idle_goes_first(clock: FakeClock) -> None:
    """An answer makes a connection young again."""
    places = Places[Holder](clock)
    first, second = served(places), served(places)
    clock.advance(5)
    places.began(first)
    places.answered(first, well=True)
    assert [places.give(), places.give(), places.give()] == [second, first, None]


def test_one_without_a_success_goes_before_those_that_had_one(clock: FakeClock) -> None:
    """Strangers' connections do not cut those that a provider keeps, however old these are."""
    places = Places[Holder](clock)
    kept = served(places)
    clock.advance(60)
    stranger = Holder()
    places.take(stranger)
    clock.advance(NEW_FOR)
    assert [places.give(), places.give()] == [stranger, kept]


def test_one_that_came_just_now_is_no_worse_than_the_others(clock: FakeClock) -> None:
    """Its request may be on its way."""
    places = Places[Holder](clock)
    kept = served(places)
    clock.advance(60)
    places.take(Holder())
    assert places.give() is kept


def test_a_success_is_remembered_over_a_refusal(clock: FakeClock) -> None:
    """A provider whose last webhook met an overload is no stranger."""
    places = Places[Holder](clock)
    kept = served(places)
    places.began(kept)
    places.answered(kept, well=False)
    stranger = Holder()
    places.take(stranger)
    clock.advance(NEW_FOR)
    assert places.give() is stranger


def test_where_none_is_idle_the_body_that_is_on_its_way_for_longest_goes(clock: FakeClock) -> None:
    """A whole request in hand stays, however long it is there."""
    places = Places[Holder](clock)
    whole, first, second = reading(places), reading(places), reading(places)
    whole.awaits_body = False
    assert [places.give(), places.give(), places.give()] == [first, second, None]
    assert len(places) == 1


def test_one_answered_before_its_body_was_here_goes_like_those_that_read(clock: FakeClock) -> None:
    """The rest of a refused body holds a place no better."""
    places = Places[Holder](clock)
    refused = reading(places)
    places.answered(refused, well=False)
    assert places.give() is refused


def test_a_webhook_whose_body_came_late_is_idle_when_it_is_answered(clock: FakeClock) -> None:
    """Being passed over while it was stored loses it nothing."""
    places = Places[Holder](clock)
    holder = reading(places)
    holder.awaits_body = False
    assert places.give() is None
    places.answered(holder, well=True)
    holder.idle = True
    assert places.give() is holder


def test_one_that_gave_way_has_no_place_to_come_back_to(clock: FakeClock) -> None:
    """Its handler may still end after that."""
    places = Places[Holder](clock)
    holder = reading(places)
    assert places.give() is holder
    places.answered(holder, well=True)
    places.began(holder)
    places.leave(holder)
    assert (len(places), places.give()) == (0, None)


@given(st.lists(st.tuples(st.sampled_from("tbwagl"), st.integers(0, 5)), max_size=60))
def test_it_never_gives_a_whole_request_away(steps: list[tuple[str, int]]) -> None:
    """Any order of events: who gives way only waits, has a place until then, and none after."""
    places = Places[Holder](FakeClock(0))
    holders = [Holder() for _ in range(6)]
    inside: set[Holder] = set()
    for what, number in steps:
        holder = holders[number]
        match what:
            case "t":
                places.take(holder)
                inside.add(holder)
            case "b":
                holder.idle, holder.awaits_body = False, number % 2 == 0
                places.began(holder)
            case "w":
                holder.awaits_body = False
            case "a":
                holder.idle = not holder.awaits_body
                places.answered(holder, well=number > 2)
            case "l":
                places.leave(holder)
                inside.discard(holder)
            case _:
                given_ = places.give()
                assert given_ is None or (given_ in inside and (given_.idle or given_.awaits_body))
                inside -= {given_}
        assert len(places) == len(inside)
