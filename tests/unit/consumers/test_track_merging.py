"""The state of a message is the greatest of what was told, in whatever order and however often it came."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.track.merging import FINAL, NO_MOMENT, Standing, merged, standing, word_of
from consumers.track.places import Place, whole
from schemas.vocabulary import DeliveryStatus
from tests.support.tracking import OTHER, PERSON, news, request_news, sighted, taken

words = st.sampled_from([*(word.value for word in DeliveryStatus), "teleported"])
# Few values each, so that much of it is alike.
standings = st.builds(
    standing,
    words,
    st.sampled_from(["a", "b", "c"]),
    moment=st.sampled_from([NO_MOMENT, 0, 1, 2]),
    provider_status=st.sampled_from([None, "x", "y"]),
    failure_class=st.sampled_from([None, "permanent"]),
)


@given(st.lists(standings, max_size=5), st.data())
def test_every_order_and_every_repeat_end_in_one_state(found: list[Standing], data: st.DataObject) -> None:
    """All permutations, with duplicates in between; also where two events of one id tell different things."""
    repeated = found + data.draw(st.lists(st.sampled_from(found), max_size=3)) if found else found
    ends = {_one_by_one(order) for order in itertools.islice(itertools.permutations(repeated), 720)}
    assert ends == {merged(found)}


def _one_by_one(order: tuple[Standing, ...]) -> Standing | None:
    state: Standing | None = None
    for one in order:
        state = merged([one] if state is None else [state, one])
    return state


@given(st.lists(standings, min_size=1, max_size=8))
def test_the_state_never_goes_back(found: list[Standing]) -> None:
    """With each piece of news the rank stays or grows."""
    ranks = [max(one.rank for one in found[: end + 1]) for end in range(len(found))]
    states = [merged(found[: end + 1]) for end in range(len(found))]
    assert [state.rank for state in states if state is not None] == ranks


@given(standings, standings)
def test_two_standings_are_alike_or_one_is_greater(one: Standing, other: Standing) -> None:
    """The order is total: nothing that a standing tells is left out of it."""
    assert (one == other) is not (one < other or other < one)


@pytest.mark.parametrize(("lower", "higher"), list(itertools.pairwise(DeliveryStatus)))
def test_rank_goes_before_time(lower: DeliveryStatus, higher: DeliveryStatus) -> None:
    """A late word of a lower rank changes nothing, whatever its time says."""
    early = standing(higher, "a", moment=1)
    assert merged([early, standing(lower, "b", moment=2)]) == early


def test_within_a_rank_the_later_time_wins_and_then_the_id() -> None:
    """News without a time come before all that have one."""
    none, first, second = (standing("failed", "b", moment=moment) for moment in (NO_MOMENT, -5, 7))
    assert merged([second, none, first]) == second
    assert merged([none, first]) == first
    assert merged([none, replace(none, event_id="c"), replace(none, event_id="a")]) == replace(none, event_id="c")


def test_a_word_of_a_newer_version_is_unknown_and_kept_as_the_providers() -> None:
    """Unless the provider's own word is there."""
    assert word_of("teleported") is DeliveryStatus.UNKNOWN
    assert standing("teleported", "a").provider_status == "teleported"
    assert standing("teleported", "a", provider_status="TLP").provider_status == "TLP"
    assert standing("teleported", "a").rank == 0


def test_what_is_final() -> None:
    """The ends of a message; `unconfirmed` is none, a receipt may still come."""
    assert {word for word in DeliveryStatus if word in FINAL} == {
        *(DeliveryStatus.EXPIRED, DeliveryStatus.CANCELLED, DeliveryStatus.REJECTED),
        *(DeliveryStatus.FAILED, DeliveryStatus.DELIVERED, DeliveryStatus.READ),
    }


def test_a_result_is_the_first_trace_of_a_message() -> None:
    """The provider took it: queued, which every other news but `unknown` comes before."""
    found = sighted(taken())
    assert found is not None
    assert [(place, each.status) for place, each in found.standings.items()] == [
        (Place("main", "m1", PERSON), "queued")
    ]
    assert (found.note.command_id, found.note.in_reply_to, found.note.ingress) == ("c1", "inbound-1", None)
    assert sighted(taken(message=None)) is None


def test_news_of_a_requests_message_are_news_of_the_request() -> None:
    """Our own sending knows the request's id alone."""
    found = sighted(news("sent", message="m1", request_id="r1"))
    assert found is not None
    assert {place: (each.status, each.through) for place, each in found.standings.items()} == {
        Place("main", "m1", PERSON): ("sent", ""),
        Place("main", "r1", PERSON): ("sent", "m1"),
    }


def test_a_request_that_was_rejected_ends_all_its_messages() -> None:
    """While every other state of a request says nothing about a message."""
    ended, going = sighted(request_news("rejected")), sighted(request_news("completed"))
    assert ended is not None
    assert going is not None
    assert [each.status for each in ended.standings.values()] == ["rejected"]
    assert going.standings == {}


def test_what_is_said_of_all_recipients_counts_for_each() -> None:
    """As far as nothing greater was said of one."""
    shared = standing("sent", "a")
    done = standing("delivered", "b")
    queued = standing("queued", "c")
    places = [Place("main", "m1", to) for to in ("", PERSON, OTHER)]
    assert whole(dict(zip(places, (shared, done, queued), strict=True))) == {places[1]: done, places[2]: shared}
    assert whole({places[0]: shared}) == {places[0]: shared}


@given(st.text(max_size=20), st.text(st.characters(), max_size=20))
def test_any_words_make_texts_that_a_database_takes(word: str, to: str) -> None:
    """No NUL and no half of a character, whatever a provider sends."""
    event = news("sent", provider_status=word.replace("\ud800", "") + "\0", to=to.encode("utf-8", "replace").decode())
    found = sighted(event)
    assert found is not None
    assert "\0" not in (found.note.provider_status or "") + found.note.recipient
