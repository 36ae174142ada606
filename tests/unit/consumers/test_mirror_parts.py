"""The pure parts of mirror: the request, the turns, and when a target is asked again."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.mirror.line import MISSED_AFTER
from consumers.mirror.pacing import SHORTEST_WISH, SUSPECT_AFTER, Pacing
from consumers.mirror.posting import posting_of
from consumers.mirror.settings import MirrorSettings, MirrorTarget
from consumers.mirror.turns import NoTurnError, Turns
from tests.support.telnyx import webhook_of

URL = "https://old.example.com/hook"
GIVE_UP = 90.0
names = st.sampled_from(["x-sign", "connection", "host", "te", "x-odd", "content-length", "bad name", "", "x-sign2"])
values = st.text(max_size=20)


@given(st.lists(st.tuples(names, values)), st.binary(max_size=50), st.text(max_size=20))
def test_body_and_signature_go_on_whatever_else_is_there(
    headers: list[tuple[str, str]], body: bytes, query: str
) -> None:
    """Any fields, any bytes: what HTTP can carry stays in its order, the connection's own fields go."""
    webhook = replace(webhook_of(body, target=f"/webhooks/main?{query}"), headers=tuple(headers))
    posting = posting_of(webhook, URL, {})
    assert (posting.body, posting.url) == (body, f"{URL}?{query}")
    signs = [(name, value) for name, value in posting.headers if name == "x-sign"]
    plain = [pair for pair in headers if pair[0] == "x-sign" and pair[1].isprintable() and pair[1].isascii()]
    named = {word.strip().lower() for name, value in headers if name == "connection" for word in value.split(",")}
    assert "x-sign" in named or [pair for pair in signs if pair in plain] == plain
    assert not {name for name, _ in posting.headers} & {"connection", "host", "te", "content-length", "bad name", ""}


def test_fields_that_the_sender_named_as_the_connection_s_own_are_not_passed_on() -> None:
    """RFC 9110, 7.6.1."""
    headers = (("connection", "close, X-Hop"), ("x-hop", "1"), ("x-sign", "2"))
    assert posting_of(replace(webhook_of(b""), headers=headers), URL, {}).headers == (("x-sign", "2"),)


def test_a_target_without_a_query_stays_without() -> None:
    """Not even a question mark is added."""
    assert posting_of(webhook_of(b""), URL, {}).url == URL


@pytest.mark.parametrize(
    ("targets", "account", "found"),
    [
        ({}, "main", None),
        ({"a": ()}, "main", "a"),
        ({"a": ("main",), "b": ()}, "main", "a"),
        ({"b": (), "a": ("main",)}, "main", "a"),
        ({"b": (), "a": ("main",)}, "other", "b"),
        ({"a": ("main",)}, "other", None),
    ],
)
def test_a_webhook_goes_to_the_target_that_names_its_account(
    targets: dict[str, tuple[str, ...]], account: str, found: str | None
) -> None:
    """Else to the one that names none."""
    made = {name: MirrorTarget(url=URL, accounts=accounts) for name, accounts in targets.items()}
    assert MirrorSettings(targets=made).target_of(account) == found


def test_a_pause_grows_with_the_failures_of_a_webhook() -> None:
    """Up to a minute."""
    pacing = Pacing(GIVE_UP)
    pauses, now = list[float](), 0.0
    for _ in range(12):
        pauses.append(pacing.failed("a", None, now, whole=False))
        now += pauses[-1]
    assert 0.5 <= pauses[0] <= 1.0
    assert 30.0 <= pauses[-1] <= 60.0


def test_a_target_that_fails_several_times_in_a_row_rests() -> None:
    """A success ends that."""
    pacing = Pacing(GIVE_UP)
    for number in range(SUSPECT_AFTER):
        assert pacing.pause(0.0) == 0.0
        pacing.failed(f"webhook-{number}", None, 0.0, whole=False)
    assert pacing.pause(0.0) > 0.0
    pacing.went_well("main", "other", 100.0)
    pacing.failed("a", None, 100.0, whole=False)
    assert pacing.pause(100.0) == 0.0


def test_a_wish_is_for_the_whole_target_where_the_answer_is() -> None:
    """Too many requests are no webhook's fault."""
    pacing = Pacing(GIVE_UP)
    assert pacing.failed("a", 17.0, 0.0, whole=True) == 17.0
    assert pacing.pause(5.0) == 12.0
    assert pacing.pause(17.0) == 0.0


@pytest.mark.parametrize("wish", [0.0, 0.001])
def test_who_wishes_to_be_asked_at_once_is_not(wish: float) -> None:
    """`Retry-After: 0`, or a date by a clock that is behind: it would be asked thousands of times a second."""
    pacing = Pacing(GIVE_UP)
    assert pacing.failed("a", wish, 0.0, whole=True) == SHORTEST_WISH
    assert pacing.pause(0.0) == SHORTEST_WISH


def test_those_that_fail_at_once_are_one_failure_of_the_target() -> None:
    """However many were under way when it went away for a moment; what is asked after the rest is the next."""
    pacing = Pacing(GIVE_UP)
    for number in range(8):
        pacing.failed(f"webhook-{number}", None, number / 1000, whole=True)
    assert pacing.pause(0.01) <= 1.0
    pacing.failed("webhook-0", None, 2.0, whole=True)
    assert 1.0 <= pacing.pause(2.0) <= 2.0


@pytest.mark.parametrize("wish", [None, 1.0])
def test_one_that_fails_while_others_go_well_is_asked_less_and_less(wish: float | None) -> None:
    """Though it looks as if the target were away: that rests each time, but for no longer than it seems to be."""
    pacing = Pacing(1e6)
    for number in range(10):
        now = 100.0 * number
        pacing.went_well("main", "good", now)
        pause = pacing.failed("bad", wish, now + 1.0, whole=True)
        assert pacing.pause(now + 1.0) <= 1.0
    assert 30.0 <= pause <= 60.0


def failing(pacing: Pacing, begin: float, *, others: bool, times: int = 3) -> None:
    """Let a webhook fail so many times, 30 s apart, and another one go well before each of them, or none."""
    for at in (begin + 30.0 * number for number in range(times)):
        if others:
            pacing.went_well("main", "good", at - 10.0)
        pacing.failed("bad", None, at, whole=False)


@pytest.mark.parametrize("others", [True, False])
def test_a_webhook_is_hopeless_when_others_went_well(*, others: bool) -> None:
    """Before each of its failures, for so long; while all fail it is the target."""
    pacing = Pacing(GIVE_UP)
    failing(pacing, 0.0, others=others)
    assert not pacing.is_suspect("bad")
    assert not pacing.is_hopeless("bad")
    failing(pacing, 90.0, others=others, times=1)
    assert pacing.is_suspect("bad")
    assert pacing.is_hopeless("bad") is others


def test_a_suspect_is_proven_by_each_one_that_goes_well_until_it_fails_again() -> None:
    """So that it is asked then, and comes after the others until then; one that is no suspect needs no proof."""
    pacing = Pacing(GIVE_UP)
    failing(pacing, 0.0, others=False, times=2)
    pacing.went_well("main", "good", 31.0)
    assert not pacing.is_proven("bad")
    failing(pacing, 60.0, others=False, times=3)
    assert not pacing.is_proven("bad")
    pacing.went_well("main", "good", 121.0)
    assert pacing.is_proven("bad")
    pacing.failed("bad", None, 122.0, whole=False)
    assert not pacing.is_proven("bad")


@pytest.mark.parametrize("its_own", [True, False], ids=["of the target", "never of one"])
def test_an_outage_and_two_failures_after_it_are_no_reason_to_give_a_webhook_up(*, its_own: bool) -> None:
    """The outage counts for nothing, and the time from its last failure to the next one for a third at most."""
    pacing = Pacing(GIVE_UP)
    for at in range(0, 5000, 60):
        pacing.failed("bad", None, float(at), whole=True, its_own=its_own)
    failing(pacing, 9000.0, others=True, times=2)
    assert not pacing.is_hopeless("bad")
    failing(pacing, 9060.0, others=True, times=1)
    assert pacing.is_hopeless("bad")


def test_what_is_not_asked_while_the_target_is_away_is_not_to_blame_for_that() -> None:
    """It failed before and after, as one of many that waited meanwhile."""
    pacing = Pacing(GIVE_UP)
    pacing.failed("bad", None, 0.0, whole=False)
    for at in range(1, 5000, 60):
        pacing.failed(f"other-{at}", None, float(at), whole=True, its_own=False)
    failing(pacing, 9000.0, others=True, times=1)
    assert not pacing.is_hopeless("bad")
    assert not pacing.is_suspect("bad")


def test_what_is_never_of_one_counts_for_nothing() -> None:
    """Though others went well, and though it failed in its own way before."""
    pacing = Pacing(GIVE_UP)
    failing(pacing, 0.0, others=True)
    for at in range(90, 5000, 30):
        pacing.went_well("main", "good", at - 1.0)
        pacing.failed("bad", None, float(at), whole=True, its_own=False)
        assert not pacing.is_hopeless("bad")
    assert not pacing.is_suspect("bad")


def test_a_webhook_that_does_not_come_again_keeps_nobody_waiting_for_ever() -> None:
    """Its partition may have gone to another member."""
    pacing = Pacing(GIVE_UP)
    pacing.keep_place("main", "a", 1, 5.0)
    assert pacing.behind("main", "b", 2, 5.0 + MISSED_AFTER - 0.1) > 0
    assert pacing.behind("main", "b", 2, 5.0 + MISSED_AFTER) == 0


def test_only_those_of_a_higher_rank_and_the_same_account_wait() -> None:
    """And never a webhook for itself."""
    pacing = Pacing(GIVE_UP)
    pacing.keep_place("main", "b", 2, 5.0)
    assert pacing.behind("main", "b", 2, 0.0) == 0
    assert pacing.behind("main", "a", 1, 0.0) == 0
    assert pacing.behind("other", "c", 3, 0.0) == 0
    assert pacing.behind("main", "c", 3, 0.0) > 0
    pacing.forget("main", "b")
    assert pacing.behind("main", "c", 3, 0.0) == 0


async def test_the_lowest_rank_that_waits_has_the_next_turn() -> None:
    """Whoever asked first among equals."""
    turns, order = Turns(), list[int]()

    async def work(rank: int) -> None:
        async with turns.turn(rank, 5.0):
            order.append(rank)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(rank) for rank in (5, 9, 1, 7)))
    assert order == [5, 1, 7, 9]


async def test_who_is_cancelled_while_waiting_costs_nobody_a_turn() -> None:
    """Also where the turn came at the same moment."""
    turns, order = Turns(), list[int]()

    async def work(rank: int) -> None:
        async with turns.turn(rank, 5.0):
            order.append(rank)

    async with turns.turn(0, 5.0):
        tasks = [asyncio.create_task(work(rank)) for rank in (1, 2, 3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
    # The first has its turn by now, and does not know it yet.
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [3]
    async with turns.turn(4, 5.0):
        order.append(4)
    assert order == [3, 4]


async def test_who_has_no_turn_in_time_says_so_and_costs_nobody_one() -> None:
    """However long the others go on."""
    turns = Turns()
    async with turns.turn(0, 5.0):
        with pytest.raises(NoTurnError):
            async with turns.turn(1, 0.01):
                pass
        waiting = asyncio.create_task(turns.turn(2, 5.0).__aenter__())
        await asyncio.sleep(0)
    await waiting
