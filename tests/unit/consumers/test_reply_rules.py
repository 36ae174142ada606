"""Whether and how a message is answered, as far as the message and the rules tell."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.auto_reply.deciding import CONFIRM_WITHIN, Decision, ReplyOutcome, Ways, decide, expiry
from consumers.auto_reply.rules import Condition, Facts, RuleBook, family_of, normalized
from consumers.auto_reply.settings import AutoReplySettings, Hours, Rule
from consumers.consent.keywords import consent_said
from providers.keywords import HELP_WORDS, START_WORDS, STOP_WORDS
from schemas.events import MessageReceived, MessageReplied
from schemas.vocabulary import SendPurpose
from tests.support.consumers import MAIN, NOW, PERSON, inbound
from tests.support.events import instances_of, moments, texts

HOURS = Rule(name="hours", keywords=("HOURS", "Opening Times"), reply="Open 9 to 17.")
LATER = Rule(name="later", keywords=("hours", "why?", "?"), reply="Never reached by 'hours'.")
OTHER = Rule(name="other", keywords=("price",), reply="Ten.", accounts=("elsewhere",))
SETTINGS = AutoReplySettings(rules=(HOURS, LATER, OTHER))
WITH_DEFAULT = replace(SETTINGS, default_reply="We will call.")
OFFICE = {"office": Hours(time_zone="Europe/Zurich", open=("Mon-Fri 09:00-17:00",))}
# A Thursday; 10:00 in Zurich.
OPEN, CLOSED = datetime(2026, 1, 15, 9, 0, tzinfo=UTC), datetime(2026, 1, 15, 17, 0, tzinfo=UTC)
FAMILIES = {"stop": STOP_WORDS, "start": START_WORDS, "help": HELP_WORDS}


def decided(settings: AutoReplySettings, event: MessageReceived, now: datetime = NOW, **ways: bool) -> Decision:
    """Return the decision by settings that are not ready yet."""
    return decide(RuleBook.of(settings), event, now, Ways(**ways))


def by(*rules: Rule, default: str | None = None) -> AutoReplySettings:
    """Return settings of these rules."""
    return AutoReplySettings(rules=rules, default_reply=default, hours=OFFICE)


def fired(rule: Rule, **fields: Any) -> bool:
    """Tell whether the rule answers a message."""
    return decided(by(rule), inbound(**fields)).outcome is ReplyOutcome.REPLY


@pytest.mark.parametrize(
    "text", ["HOURS", "hours", "  Hours \n", "hours!", "Hours?!", "opening\t times.", "HOURS…", "\uff48ours"]
)
def test_a_keyword_fits_whatever_its_case_spaces_and_end(text: str) -> None:
    """The first rule that fits answers."""
    assert decided(SETTINGS, inbound(text=text)) == Decision(ReplyOutcome.REPLY, "hours", "Open 9 to 17.")


@pytest.mark.parametrize("text", ["hours please", "", None, "ho urs", "!hours", "."])
def test_a_text_that_is_no_keyword_gets_no_answer(text: str | None) -> None:
    """A keyword is the whole text, and without a default reply there is silence."""
    assert decided(SETTINGS, inbound(text=text)).outcome is ReplyOutcome.NO_RULE


def test_punctuation_alone_can_be_a_keyword() -> None:
    """A rule for '?' is a rule."""
    assert decided(SETTINGS, inbound(text="?")).rule == "later"


def test_a_rule_for_other_accounts_does_not_answer() -> None:
    """A rule with accounts answers for these alone."""
    assert decided(SETTINGS, inbound(text="price")).outcome is ReplyOutcome.NO_RULE
    assert decided(SETTINGS, inbound(text="price", account="elsewhere")).rule == "other"


@pytest.mark.parametrize("text", ["good morning", None])
def test_the_default_reply_answers_what_no_rule_fits(text: str | None) -> None:
    """Also a message without a text, such as a picture; it cools down, as it fits whatever is written."""
    expected = Decision(ReplyOutcome.REPLY, "default", "We will call.", cools=True)
    assert decided(WITH_DEFAULT, inbound(text=text)) == expected


@pytest.mark.parametrize(
    ("family", "text"), [(family, word) for family, words in FAMILIES.items() for word in sorted(words)]
)
def test_a_family_fits_each_of_its_words(family: str, text: str) -> None:
    """In quotes and with punctuation too, but for START, and no word of another family."""
    rules = [Rule(name=name, families=(name,), reply="So be it.") for name in FAMILIES]
    quoted = () if family == "start" else (f" '{text}'!", f"“{text.title()}.”")
    for written in (text, text.upper(), f" {text} ", *quoted):
        assert decided(by(*rules), inbound(text=written)).rule == family


def test_what_a_family_is_answered_with_is_owed() -> None:
    """The purpose tells who carries the command out that consent does not matter."""
    rules = [Rule(name=name, families=(name,), reply="So be it.") for name in FAMILIES]
    purposes = [decided(by(*rules), inbound(text=text)).purpose for text in ("quit", "unstop", "info")]
    assert purposes == [SendPurpose.OPT_OUT_CONFIRMATION, SendPurpose.OPT_IN_CONFIRMATION, SendPurpose.HELP]


def test_a_rule_that_takes_everything_owes_nothing() -> None:
    """A person who wants no texts gets no such answer, whatever word they wrote."""
    assert decided(by(Rule(name="all", reply="Hello.")), inbound(text="help")).purpose is None
    assert decided(by(Rule(name="p", pattern="help", reply="Hello.")), inbound(text="help")).purpose is None


@pytest.mark.parametrize("text", ["STOP", "stop.", " Stop All ", "unsubscribe", "QUIT!", "'stop'"])
def test_only_a_rule_that_names_the_word_answers_who_opts_out(text: str) -> None:
    """By its family or as a keyword: no pattern, no rule for everything, and no default reply does."""
    chance = (Rule(name="p", pattern=".", reply="Hello."), Rule(name="all", reply="Hello."))
    assert decided(by(*chance, default="Hello."), inbound(text=text)).outcome is ReplyOutcome.OPT_OUT_WORD
    bye = Rule(name="bye", reply="You get no more.")
    for naming in (replace(bye, families=("stop",)), replace(bye, keywords=(normalized(text),))):
        found = decided(by(*chance, naming, default="Hello."), inbound(text=text))
        assert (found.rule, found.purpose) == ("bye", SendPurpose.OPT_OUT_CONFIRMATION)


def test_a_confirmation_comes_within_five_minutes_or_not_at_all() -> None:
    """A later one would have to be justified."""
    settings = by(Rule(name="bye", families=("stop",), reply="You get no more."))
    event = inbound(text="stop")
    in_time = decided(settings, event, NOW + CONFIRM_WITHIN)
    assert in_time.outcome is ReplyOutcome.REPLY
    assert decided(settings, event, NOW + CONFIRM_WITHIN + timedelta(seconds=1)).outcome is ReplyOutcome.TOO_OLD
    assert expiry(settings, event, in_time, NOW) == NOW + CONFIRM_WITHIN


def test_a_pattern_fits_a_part_of_the_text() -> None:
    """Whatever its case."""
    rule = Rule(name="p", pattern=r"\bprices?\b", reply="Ten.")
    assert fired(rule, text="What are your PRICES please")
    assert not fired(rule, text="priceless")


def test_keywords_families_and_pattern_are_ways_of_fitting_one_text() -> None:
    """Any of them will do."""
    rule = Rule(name="r", keywords=("rates",), families=("help",), pattern="^how much", reply="Ten.")
    assert [fired(rule, text=text) for text in ("rates", "info", "How much is it?", "hello")] == [True] * 3 + [False]


@pytest.mark.parametrize(
    ("wanted", "number", "expected"),
    [
        ("+15550000002", "+15550000002", True),
        ("15550000002", "+15550000002", True),
        ("+1555*", "15550000002", True),
        ("+1556*", "+15550000002", False),
        ("+1555", "+15550000002", False),
        ("+15550000002*", "+15550000002", True),
    ],
)
def test_numbers_fit_as_a_whole_or_by_how_they_begin(wanted: str, number: str, expected: bool) -> None:
    """With or without the plus sign, of people and of ours."""
    assert fired(Rule(name="r", from_=(wanted,), reply="Hi."), from_=number, to=MAIN) is expected
    assert fired(Rule(name="r", to=("+99", wanted), reply="Hi."), from_="+19990000000", to=number) is expected


@pytest.mark.parametrize(
    ("when", "moment", "expected"),
    [("open", OPEN, True), ("open", CLOSED, False), ("closed", OPEN, False), ("closed", CLOSED, True)],
)
def test_hours_are_those_of_the_moment_when_it_was_written(when: str, moment: datetime, expected: bool) -> None:
    """Not of the moment when it is decided, so that deciding again gives the same."""
    rule = Rule(name="r", hours="office", when=when, reply="Hi.")
    later = moment + timedelta(minutes=10)
    found = decided(by(rule), inbound(occurred_at=moment, received_at=later), later)
    assert (found.outcome is ReplyOutcome.REPLY) is expected


def test_every_condition_has_to_hold() -> None:
    """And each that does not is told."""
    rule = Rule(
        name="r", keywords=("x",), from_=("+4*",), to=("+4*",), accounts=("other",), hours="office", reply="Hi."
    )
    book = RuleBook.of(by(rule))
    facts = Facts.of(inbound(), CLOSED)
    assert list(book.rules[0].misses(facts)) == [
        Condition.TEXT,
        Condition.FROM,
        Condition.TO,
        Condition.ACCOUNT,
        Condition.HOURS,
    ]


def test_a_silent_rule_ends_the_search() -> None:
    """With `silent` or with an empty reply; its name is kept."""
    for silent in (Rule(name="no", keywords=("hours",), silent=True), replace(HOURS, name="no", reply="")):
        found = decided(replace(by(silent, HOURS), default_reply="Hello."), inbound(text="hours"))
        assert found == Decision(ReplyOutcome.SILENT_RULE, "no")


def test_an_answer_that_comes_out_empty_is_silence() -> None:
    """No text of spaces is sent."""
    found = decided(by(Rule(name="r", reply=" {subject}")), inbound(subject=None))
    assert found == Decision(ReplyOutcome.SILENT_RULE, "r")
    assert decided(AutoReplySettings(default_reply=""), inbound()).outcome is ReplyOutcome.NO_RULE


def test_the_answer_is_a_template() -> None:
    """Times are told by the clock of the settings."""
    settings = replace(by(Rule(name="r", reply="{from} at {occurred_at:%H:%M}")), time_zone="Europe/Zurich")
    assert decided(settings, inbound(occurred_at=OPEN, received_at=OPEN), OPEN).text == f"{PERSON} at 10:00"


def test_a_message_without_an_id_is_left_to_the_poll_that_brings_it_again() -> None:
    """So that one message never gets two answers; where nothing is polled it is answered."""
    pushed, polled = inbound(message_id=None), inbound()
    assert decided(WITH_DEFAULT, pushed, polled=True).outcome is ReplyOutcome.LEFT_TO_POLL
    assert decided(WITH_DEFAULT, polled, polled=True).outcome is ReplyOutcome.REPLY
    assert decided(WITH_DEFAULT, pushed).outcome is ReplyOutcome.REPLY


def test_a_message_to_no_number_is_answered_where_the_provider_chooses_one() -> None:
    """And nowhere else."""
    event = inbound(to=None)
    assert decided(WITH_DEFAULT, event).outcome is ReplyOutcome.NO_NUMBER
    assert decided(WITH_DEFAULT, event, needs_number=False).outcome is ReplyOutcome.REPLY


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"direction": "outbound"}, ReplyOutcome.OUTBOUND),
        ({"content_type": "edit", "related_message_id": "m"}, ReplyOutcome.NOT_A_MESSAGE),
        ({"content_type": "revoke", "related_message_id": "m"}, ReplyOutcome.NOT_A_MESSAGE),
        ({"to": None}, ReplyOutcome.NO_NUMBER),
        ({"to": ""}, ReplyOutcome.NO_NUMBER),
        ({"from_": None}, ReplyOutcome.NOT_A_PERSON),
        ({"from_": ""}, ReplyOutcome.NOT_A_PERSON),
        ({"from_": "48500"}, ReplyOutcome.NOT_A_PERSON),
        ({"from_": "ACME"}, ReplyOutcome.NOT_A_PERSON),
        ({"from_": "+1555000000x"}, ReplyOutcome.NOT_A_PERSON),
        ({"from_": "", "channel": "whatsapp"}, ReplyOutcome.NOT_A_PERSON),
        ({"from_": MAIN}, ReplyOutcome.OWN_NUMBER),
        ({"from_": MAIN.removeprefix("+")}, ReplyOutcome.OWN_NUMBER),
        ({"to": PERSON.removeprefix("+")}, ReplyOutcome.OWN_NUMBER),
        ({"autoresponse": "stop"}, ReplyOutcome.PROVIDER_ANSWERS),
        ({"autoresponse": "a-word-of-tomorrow"}, ReplyOutcome.PROVIDER_ANSWERS),
        ({"occurred_at": NOW - timedelta(seconds=901)}, ReplyOutcome.TOO_OLD),
        ({"occurred_at": None, "received_at": NOW - timedelta(seconds=901)}, ReplyOutcome.TOO_OLD),
        (
            {"occurred_at": NOW + timedelta(hours=11), "received_at": NOW - timedelta(seconds=901)},
            ReplyOutcome.TOO_OLD,
        ),
    ],
)
def test_what_is_never_answered(fields: dict[str, Any], outcome: ReplyOutcome) -> None:
    """Neither by a rule nor by the default reply."""
    assert decided(WITH_DEFAULT, inbound(**fields)) == Decision(outcome)


@pytest.mark.parametrize(
    "fields",
    [
        {"from_": "15550000009"},
        {"from_": "US.1234567890", "channel": "whatsapp"},
        {"direction": None},
        {"occurred_at": NOW - timedelta(seconds=900)},
        {"occurred_at": NOW + timedelta(days=1)},
        {"cc": ("+15550000003", "+15550000004")},
    ],
)
def test_what_is_answered_all_the_same(fields: dict[str, Any]) -> None:
    """A hidden number, a clock that is ahead, a group: the sender gets an answer."""
    assert decided(SETTINGS, inbound(**fields)).outcome is ReplyOutcome.REPLY


def test_a_clock_that_is_ahead_does_not_prolong_an_answer() -> None:
    """A message from the future counts as written now."""
    ahead = inbound(occurred_at=NOW + timedelta(days=1))
    assert expiry(SETTINGS, ahead, decided(SETTINGS, ahead), NOW) == NOW + timedelta(seconds=900)


messages = st.one_of(instances_of(MessageReceived), instances_of(MessageReplied))
words = st.sampled_from(["stop", "HELP", "start", "hours", "", "?"]) | texts
numbers = st.sampled_from([MAIN, PERSON, "48500", "ACME"])
people = st.builds(
    inbound, text=st.none() | words, from_=st.none() | numbers, to=st.none() | numbers, message_id=st.none() | texts
)
rules = st.builds(
    Rule,
    name=texts,
    keywords=st.lists(words, max_size=3).map(tuple),
    families=st.lists(st.sampled_from(["stop", "start", "help"]), max_size=2).map(tuple),
    pattern=st.none() | st.sampled_from([".", "^h", r"\d+", "(a|b)*$"]),
    from_=st.lists(st.sampled_from(["+1*", PERSON, "+4*"]), max_size=2).map(tuple),
    accounts=st.lists(st.sampled_from(["main", "elsewhere"]), max_size=1).map(tuple),
    hours=st.none() | st.just("office"),
    when=st.sampled_from(["open", "closed"]),
    reply=st.none() | st.sampled_from(["", "Yes.", "{text}", "{occurred_at:%H:%M} {{}}"]),
    silent=st.booleans(),
)
books = st.builds(
    AutoReplySettings,
    rules=st.lists(rules, max_size=4).map(tuple),
    default_reply=st.none() | st.sampled_from(["", "Hello.", "{text}"]),
    max_age=st.floats(allow_nan=False),
    hours=st.just(OFFICE),
).map(RuleBook.of)
ways = st.builds(Ways, needs_number=st.booleans(), polled=st.booleans())


@given(books, messages | people, moments, ways)
def test_deciding_never_raises(book: RuleBook, event: MessageReceived, now: datetime, given_ways: Ways) -> None:
    """Whatever a message holds there is a decision, and exactly a reply has a text; deciding again gives the same."""
    decision = decide(book, event, now, given_ways)
    assert (decision.outcome is ReplyOutcome.REPLY) == bool(decision.text)
    assert (decision.outcome in {ReplyOutcome.REPLY, ReplyOutcome.SILENT_RULE}) <= (decision.rule is not None)
    assert expiry(book.settings, event, decision, now) is not None
    assert decide(book, event, now, given_ways) == decision


@given(books, people, ways)
def test_the_first_rule_that_fits_decides(book: RuleBook, event: MessageReceived, given_ways: Ways) -> None:
    """Each before it misses something, and what comes behind it makes no difference."""
    decision = decide(book, event, NOW, given_ways)
    facts = Facts.of(event, NOW)
    fitting = [rule for rule in book.rules if not list(rule.misses(facts))]
    if decision.rule is not None:
        assert fitting[0].name == decision.rule
        shorter = replace(book, rules=book.rules[: book.rules.index(fitting[0]) + 1])
        assert decide(shorter, event, NOW, given_ways) == decision
    if decision.outcome in {ReplyOutcome.NO_RULE, ReplyOutcome.OPT_OUT_WORD}:
        assert not fitting


@given(books, people, ways)
def test_a_word_of_opting_out_is_answered_by_its_own_rule_alone(
    book: RuleBook, event: MessageReceived, given_ways: Ways
) -> None:
    """Whatever the other rules are."""
    decision = decide(book, event, NOW, given_ways)
    if family_of(event.text or "") == "stop" and decision.outcome is ReplyOutcome.REPLY:
        assert decision.purpose is SendPurpose.OPT_OUT_CONFIRMATION


@given(st.text())
def test_comparing_twice_is_comparing_once(text: str) -> None:
    """A text as it is compared is compared as itself."""
    assert normalized(normalized(text)) == normalized(text)


def test_a_long_text_costs_no_more_than_reading_it() -> None:
    """A run of combining characters takes quadratic time to compose; as no keyword is so long, nobody composes it."""
    text = "a" + "\u0315\u0300" * 62_000
    began = time.process_time()
    assert normalized(text) == text
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize("text", ["«STOP»", "¿STOP?", "„Stop“", "(stop all).", "unsubscribe…"])
def test_the_rules_and_the_book_of_consent_read_an_opt_out_alike(text: str) -> None:
    """Else one would confirm what the other does not know."""
    assert family_of(text) == "stop"
    assert consent_said(text, frozenset(), frozenset()) is not None


@pytest.mark.parametrize("text", ["«START»", "(START)", "START!", "START me up"])
def test_what_the_book_does_not_take_for_an_opt_in_is_none_for_the_rules(text: str) -> None:
    """Nobody is told that they are subscribed again while they are not."""
    assert family_of(text) is None
    assert consent_said(text, frozenset(), frozenset()) is None


def test_words_that_opt_out_here_alone_are_known_to_the_rules() -> None:
    """`[consumers.consent] stop_words`: no other rule answers them, and a rule of the family can."""
    stop = Rule(name="out", families=("stop",), reply="You are out.")
    settings = by(stop, default="We will call.")
    named = decide(RuleBook.of(settings, ["Arrêt"]), inbound(text="ARRÊT!"), NOW)
    assert (named.rule, named.purpose) == ("out", SendPurpose.OPT_OUT_CONFIRMATION)
    unnamed = decide(RuleBook.of(by(default="We will call."), ["Arrêt"]), inbound(text="arrêt"), NOW)
    assert unnamed.outcome is ReplyOutcome.OPT_OUT_WORD
