"""The demo's final check sees every kind of loss."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.demo.audit import Audit, Findings, check, check_account
from hookline.demo.books import Expected, Stored, StoredCommand, StoredResult

EXPECTED = Expected(
    webhooks={b"w1": "message.received", b"w2": "message.sent"},
    events={"e1": "message.received", "e2": "message.sent"},
    replies=frozenset({"e1"}),
    silent=frozenset({"e2"}),
    forged=frozenset({b"f1"}),
    effects=("out1",),
)
COMMAND = StoredCommand("c1", "e1")
RESULT = StoredResult("c1", "sent", "out1")
STORED = Stored(
    webhooks=frozenset({b"w1", b"w2"}),
    events=frozenset({"e1", "e2"}),
    commands=frozenset({COMMAND}),
    results=frozenset({RESULT}),
)


def test_a_whole_log_is_clean() -> None:
    """Nothing is found where nothing is wrong."""
    findings = check_account(EXPECTED, STORED)
    assert findings.clean
    assert findings.answered == 1


def test_a_webhook_that_a_person_posted_is_no_finding() -> None:
    """More in the log than the cloud sent is fine, with its own answer."""
    stored = replace(
        STORED,
        webhooks=STORED.webhooks | {b"mine"},
        events=STORED.events | {"mine"},
        commands=STORED.commands | {StoredCommand("c9", "mine")},
        results=STORED.results | {StoredResult("c9", "sent", "out9")},
    )
    assert check_account(replace(EXPECTED, effects=("out1", "out9")), stored).clean


def test_an_earlier_attempt_stands_for_the_webhook() -> None:
    """The receiver answered the acknowledged one as its repeat; without either of them it is lost."""
    expected = replace(EXPECTED, others={b"w2": frozenset({b"w2, first"})})
    assert check_account(expected, replace(STORED, webhooks=frozenset({b"w1", b"w2, first"}))).clean
    assert check_account(expected, replace(STORED, webhooks=frozenset({b"w1"}))).lost == ("message.sent",)


@pytest.mark.parametrize(
    ("stored", "finding"),
    [
        (replace(STORED, webhooks=frozenset({b"w1"})), Findings(lost=("message.sent",), answered=1)),
        (replace(STORED, events=frozenset({"e1"})), Findings(lost_events=("message.sent e2",), answered=1)),
        (replace(STORED, webhooks=STORED.webhooks | {b"f1"}), Findings(forged=1, answered=1)),
        (
            replace(STORED, commands=frozenset(), results=frozenset()),
            Findings(unanswered=("e1",), sent_without_result=("out1",)),
        ),
        (
            replace(STORED, results=frozenset()),
            Findings(not_sent_once=("c1",), sent_without_result=("out1",), answered=1),
        ),
        (
            replace(STORED, results=frozenset({RESULT, StoredResult("c1", "failed", None)})),
            Findings(not_sent_once=("c1",), answered=1),
        ),
        (
            replace(STORED, results=frozenset({StoredResult("c1", "unknown", None)})),
            Findings(not_sent_once=("c1",), sent_without_result=("out1",), answered=1),
        ),
    ],
    ids=["webhook", "event", "forgery", "command", "result", "two results", "not sent"],
)
def test_what_is_wrong_is_found(stored: Stored, finding: Findings) -> None:
    """Each loss gives its own finding, and only that."""
    found = check_account(EXPECTED, stored)
    assert found == finding
    assert not found.clean


def test_a_second_answer_is_found() -> None:
    """One message, two commands of different ids."""
    stored = replace(
        STORED,
        commands=STORED.commands | {StoredCommand("c2", "e1")},
        results=STORED.results | {StoredResult("c2", "sent", "out2")},
    )
    found = check_account(replace(EXPECTED, effects=("out1", "out2")), stored)
    assert found == Findings(answered_twice=("e1",))


def test_an_answer_to_what_must_stay_silent_is_found() -> None:
    """Such as an opt-out word that the provider has answered."""
    stored = replace(
        STORED,
        commands=STORED.commands | {StoredCommand("c2", "e2")},
        results=STORED.results | {StoredResult("c2", "sent", "out2")},
    )
    found = check_account(replace(EXPECTED, effects=("out1", "out2")), stored)
    assert found == Findings(answered_wrongly=("e2",), answered=1)


def test_a_message_that_was_sent_twice_is_found() -> None:
    """The cloud made the same message twice, or two for one command."""
    assert check_account(replace(EXPECTED, effects=("out1", "out1")), STORED).not_sent_once == ("c1",)
    assert check_account(replace(EXPECTED, effects=("out1", "out2")), STORED).sent_without_result == ("out2",)


def test_what_was_never_confirmed_is_found() -> None:
    """The provider would tell of it again and again, or drop it unseen."""
    found = check_account(replace(EXPECTED, unconfirmed=2), STORED)
    assert found == Findings(unconfirmed=2, answered=1)
    assert found.lines() == ["2 items were not confirmed"]


def test_what_a_newer_record_took_the_place_of_is_not_lost() -> None:
    """A compacted topic keeps the newest of each key; without any of that key it is lost all the same."""
    expected = replace(EXPECTED, keys={"e2": b"key"})
    stored = replace(STORED, events=frozenset({"e1"}), keys=frozenset({b"key"}))
    assert check_account(expected, stored).clean
    found = check_account(expected, replace(stored, keys=frozenset({b"another"})))
    assert found.lost_events == ("message.sent e2",)


def test_each_account_is_checked_for_itself() -> None:
    """What one account has, another cannot make up for."""
    audit = check({"main": EXPECTED, "second": Expected(webhooks={b"w3": "message.sent"})}, {"main": STORED})
    assert audit == Audit(accounts={"main": Findings(answered=1), "second": Findings(lost=("message.sent",))})
    assert audit.lines() == ["second: 1 acknowledged webhooks are not in the log: message.sent"]
    assert (audit.clean, audit.lost, audit.lost_events, audit.answered) == (False, 1, 0, 1)


def test_the_lines_count_and_name() -> None:
    """A person learns how many and which, but not thousands of names."""
    findings = Findings(lost=("a", "b", "c", "d"), forged=2)
    assert findings.lines() == [
        "2 forged webhooks are in the log",
        "4 acknowledged webhooks are not in the log: a, b, c and 1 more",
    ]


digests = st.frozensets(st.binary(max_size=2), max_size=6)


@given(digests, digests, digests)
def test_loss_is_what_was_expected_and_is_not_there(
    acknowledged: frozenset[bytes], forged: frozenset[bytes], log: frozenset[bytes]
) -> None:
    """The check is set arithmetic, whatever the sets."""
    expected = Expected(webhooks=dict.fromkeys(acknowledged, "x"), forged=forged)
    found = check_account(expected, Stored(webhooks=log))
    assert len(found.lost) == len(acknowledged - log)
    assert found.forged == len(forged & log)
    assert found.clean == (acknowledged <= log and not forged & log)
