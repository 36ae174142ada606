"""What keeps an answer back in its conversation: consent, loops, and what was said before."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from consumers.auto_reply.deciding import Decision, ReplyOutcome
from consumers.auto_reply.guarding import NOTHING_SAID, Answer, Conversation, Noted, digest_of, horizon_of, judge
from consumers.auto_reply.settings import AutoReplySettings
from consumers.consent.permission import Permission
from schemas.times import to_millis
from schemas.vocabulary import Consent, SendPurpose
from tests.support.consumers import MAIN, NOW, PERSON

SETTINGS = AutoReplySettings()
NOW_MS = to_millis(NOW)
HOUR = 3_600_000
UNKNOWN = Permission(allowed=True, consent=Consent.UNKNOWN)
OUT = Permission(allowed=False, consent=Consent.OPTED_OUT, since=NOW - timedelta(hours=1))
IN = Permission(allowed=True, consent=Consent.OPTED_IN, since=NOW - timedelta(minutes=30))
ANSWER = Decision(ReplyOutcome.REPLY, "hours", "Open 9 to 17.")
GREETING = Decision(ReplyOutcome.REPLY, "default", "Hello.", cools=True)
CONFIRMATION = Decision(ReplyOutcome.REPLY, "bye", "No more.", SendPurpose.OPT_OUT_CONFIRMATION)
WELCOME = Decision(ReplyOutcome.REPLY, "welcome", "Welcome back.", SendPurpose.OPT_IN_CONFIRMATION)
HELP = Decision(ReplyOutcome.REPLY, "help", "We are Acme.", SendPurpose.HELP)


def noted(text: str = "hours") -> Noted:
    """Return a message of now."""
    return Noted(
        account="main",
        command_id="c",
        ours=MAIN,
        theirs=PERSON,
        family=None,
        now_ms=NOW_MS,
        written_ms=NOW_MS,
        text=text,
    )


def judged(
    decision: Decision = ANSWER,
    *said: Answer,
    permission: Permission = UNKNOWN,
    settings: AutoReplySettings = SETTINGS,
    text: str = "hours",
    **fields: Any,
) -> ReplyOutcome:
    """Return what becomes of an answer."""
    return judge(settings, noted(text), decision, permission, Conversation(answers=said, **fields))


def before(seconds: float, text: str = "Something else.", rule: str = "other") -> Answer:
    """Return an answer of so long ago."""
    return Answer(rule, digest_of(text), NOW_MS - int(seconds * 1000))


def confirmed_before(seconds: float) -> Answer:
    """Return the confirmation of an opt-out of so long ago."""
    return replace(before(seconds, "No more.", "bye"), purpose=SendPurpose.OPT_OUT_CONFIRMATION)


def test_the_first_answer_of_a_conversation_is_given() -> None:
    """Nothing known is permission."""
    assert judged() is ReplyOutcome.REPLY


def test_who_opted_out_gets_no_answer() -> None:
    """As the book of consents has it."""
    assert judged(permission=OUT) is ReplyOutcome.OPTED_OUT


def test_a_stop_of_this_conversation_counts_before_the_book_has_it() -> None:
    """Also where the provider answered it; a later START, or an opt-in that the book knows, undoes it."""
    assert judged(stopped_ms=NOW_MS - HOUR) is ReplyOutcome.OPTED_OUT
    assert judged(stopped_ms=NOW_MS - HOUR, started_ms=NOW_MS - HOUR + 1) is ReplyOutcome.REPLY
    assert judged(stopped_ms=NOW_MS - HOUR, started_ms=NOW_MS - HOUR - 1) is ReplyOutcome.OPTED_OUT
    assert judged(stopped_ms=NOW_MS - HOUR, permission=IN) is ReplyOutcome.REPLY
    assert judged(stopped_ms=NOW_MS, permission=IN) is ReplyOutcome.OPTED_OUT


def test_help_is_answered_whatever_the_consent() -> None:
    """So is START, whose consent the book may not have yet."""
    assert judged(HELP, permission=OUT, stopped_ms=NOW_MS) is ReplyOutcome.REPLY
    assert judged(WELCOME, permission=OUT, stopped_ms=NOW_MS - 1) is ReplyOutcome.REPLY


def test_what_a_later_word_of_the_conversation_undid_is_not_confirmed() -> None:
    """A message may come late; of one moment the opt-out counts, as in the book of consent."""
    assert judged(WELCOME, stopped_ms=NOW_MS) is ReplyOutcome.OPTED_OUT
    assert judged(CONFIRMATION, started_ms=NOW_MS + 1) is ReplyOutcome.OVERTAKEN
    assert judged(CONFIRMATION, started_ms=NOW_MS) is ReplyOutcome.REPLY


def test_an_opt_out_is_confirmed_once() -> None:
    """Whether the book has it already or not; after an opt-in the next one is another."""
    assert judged(CONFIRMATION, permission=OUT) is ReplyOutcome.REPLY
    assert judged(CONFIRMATION, permission=OUT, confirmed_ms=NOW_MS - HOUR) is ReplyOutcome.ALREADY_CONFIRMED
    assert judged(CONFIRMATION, confirmed_ms=NOW_MS - HOUR) is ReplyOutcome.ALREADY_CONFIRMED
    started_ms = NOW_MS - HOUR + 1
    again = judged(CONFIRMATION, permission=OUT, confirmed_ms=NOW_MS - HOUR, started_ms=started_ms)
    assert again is ReplyOutcome.REPLY
    assert judged(CONFIRMATION, permission=IN, confirmed_ms=NOW_MS - HOUR) is ReplyOutcome.REPLY


def test_no_bound_on_loops_swallows_a_confirmation() -> None:
    """A person may opt out after any number of answers."""
    assert judged(CONFIRMATION, *[before(n, "No more.") for n in range(9)], text="No more.") is ReplyOutcome.REPLY


def test_a_machine_that_says_stop_and_start_in_turns_falls_silent() -> None:
    """Confirmations are bounded by confirmations, as answers are by answers: within a while, and a day."""
    recent = [confirmed_before(seconds) for seconds in range(1, 6)]
    assert judged(CONFIRMATION, *recent[1:]) is ReplyOutcome.REPLY
    assert judged(CONFIRMATION, *recent) is ReplyOutcome.RATE_LIMITED
    day = [confirmed_before(3600 * hours) for hours in range(1, 24)]
    assert judged(CONFIRMATION, *day, settings=replace(SETTINGS, daily=23)) is ReplyOutcome.RATE_LIMITED
    assert judged(CONFIRMATION, *recent, *day, settings=replace(SETTINGS, rate=0, daily=0)) is ReplyOutcome.REPLY


def test_a_conversation_has_so_many_answers_a_day() -> None:
    """Also where each is another text, so that nothing else would end a loop."""
    day = [before(1700 * n, f"Your ticket is {n}.") for n in range(1, 51)]
    assert judged(ANSWER, *day) is ReplyOutcome.RATE_LIMITED
    assert judged(ANSWER, *day[1:], before(86_401)) is ReplyOutcome.REPLY
    assert judged(ANSWER, *day, settings=replace(SETTINGS, daily=0)) is ReplyOutcome.REPLY


def test_a_text_that_is_our_own_last_answer_is_an_echo() -> None:
    """Whatever its case and end; an answer before the last is not looked at."""
    last = before(1, "Open 9 to 17.")
    assert judged(ANSWER, last, text="open 9  to 17") is ReplyOutcome.ECHO
    assert judged(GREETING, before(1), last, text="Open 9 to 17.") is ReplyOutcome.REPLY
    assert judged(ANSWER, before(1, ""), text="") is ReplyOutcome.REPLY


def test_a_conversation_has_so_many_answers_in_a_while() -> None:
    """Of whatever rule; those of before the window do not count."""
    recent = [before(n) for n in range(1, 5)]
    assert judged(ANSWER, *recent, before(601)) is ReplyOutcome.REPLY
    assert judged(ANSWER, *recent, before(599)) is ReplyOutcome.RATE_LIMITED
    assert judged(HELP, *recent, before(599)) is ReplyOutcome.RATE_LIMITED
    assert judged(ANSWER, *recent, before(599), settings=replace(SETTINGS, rate=0)) is ReplyOutcome.REPLY


def test_a_person_who_asks_twice_is_answered_twice_and_a_machine_no_more() -> None:
    """The same answer comes twice an hour."""
    once, twice = before(700, "Open 9 to 17."), before(1400, "Open 9 to 17.")
    assert judged(ANSWER, once) is ReplyOutcome.REPLY
    assert judged(ANSWER, once, before(900), twice) is ReplyOutcome.SAME_TEXT
    assert judged(ANSWER, once, before(3601, "Open 9 to 17.")) is ReplyOutcome.REPLY
    assert judged(ANSWER, once, twice, settings=replace(SETTINGS, same_text=0)) is ReplyOutcome.REPLY


def test_what_fits_whatever_is_written_cools_down() -> None:
    """Nobody is greeted at every message; another rule's answer does not count."""
    assert judged(GREETING, before(3599, "Hello?", "default")) is ReplyOutcome.COOLDOWN
    assert judged(GREETING, before(3600, "Hello?", "default")) is ReplyOutcome.REPLY
    assert judged(GREETING, before(10, "Hello?", "hours")) is ReplyOutcome.REPLY
    assert judged(GREETING, before(10, "?", "default"), settings=replace(SETTINGS, cooldown=0)) is ReplyOutcome.REPLY


def test_what_is_kept_in_sight_is_the_longest_window() -> None:
    """No answer that counts is left out."""
    nothing_daily = replace(SETTINGS, daily=0)
    assert horizon_of(replace(nothing_daily, rate_window=5000)) == 5000
    assert horizon_of(replace(nothing_daily, cooldown=7000)) == 7000
    assert horizon_of(nothing_daily) == 3600
    assert horizon_of(SETTINGS) == 86_400


moments_ms = st.none() | st.integers(0, 2 * NOW_MS)
answers = st.builds(
    Answer,
    st.sampled_from(["default", "hours", "bye"]),
    st.sampled_from([digest_of("Open 9 to 17."), digest_of("hours"), digest_of("x")]),
    st.integers(NOW_MS - 2 * HOUR, NOW_MS),
)
conversations = st.builds(
    Conversation,
    answers=st.lists(answers, max_size=8).map(tuple),
    stopped_ms=moments_ms,
    started_ms=moments_ms,
    confirmed_ms=moments_ms,
)
candidates = st.sampled_from([ANSWER, GREETING, CONFIRMATION, WELCOME, HELP])


@given(candidates, st.sampled_from([UNKNOWN, OUT, IN]), conversations)
def test_who_opted_out_gets_only_what_is_owed(decision: Decision, permission: Permission, said: Conversation) -> None:
    """Whatever else was said."""
    outcome = judge(SETTINGS, noted(), decision, permission, said)
    if outcome is ReplyOutcome.REPLY and decision.purpose is None:
        assert permission.allowed
        opted_in = max(said.started_ms or -1, to_millis(IN.since) if permission is IN and IN.since else -1)
        assert said.stopped_ms is None or said.stopped_ms < opted_in


@given(st.lists(st.tuples(st.sampled_from(["hours", "Hello.", "x"]), st.integers(0, 900_000)), max_size=60))
def test_two_machines_fall_silent(steps: list[tuple[str, int]]) -> None:
    """However they go on, a conversation gets no more answers than its rate in any window of it."""
    said, now_ms, given_at = NOTHING_SAID, NOW_MS, list[int]()
    for text, pause in steps:
        now_ms += pause
        note = replace(noted(text), now_ms=now_ms, written_ms=now_ms)
        decision = ANSWER if text == "hours" else GREETING
        if judge(SETTINGS, note, decision, UNKNOWN, said) is ReplyOutcome.REPLY:
            answer = Answer(decision.rule, digest_of(decision.text or ""), now_ms)
            said = replace(said, answers=(answer, *said.answers))
            given_at.append(now_ms)
    for start in given_at:
        assert sum(start <= moment < start + 600_000 for moment in given_at) <= 5
        assert sum(start <= moment < start + HOUR for moment in given_at) <= 3
