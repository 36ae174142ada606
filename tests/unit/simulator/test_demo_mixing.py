"""The demo's final check sees everything of one account that came to another."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.demo.audit import check
from hookline.demo.books import Expected, Stored, StoredCommand, StoredResult


def expected(name: str) -> Expected:
    """Return the books of a cloud that sent one question and was asked for one reply."""
    return Expected(
        provider="small",
        webhooks={f"{name}-w".encode(): "message.received"},
        events={f"{name}-e": "message.received"},
        replies=frozenset({f"{name}-e"}),
        effects=(f"{name}-out",),
        messages=frozenset({f"{name}-m"}),
    )


def stored(name: str) -> Stored:
    """Return what the log holds of that."""
    return Stored(
        webhooks=frozenset({f"{name}-w".encode()}),
        events=frozenset({f"{name}-e"}),
        commands=frozenset({StoredCommand(f"{name}-c", f"{name}-e")}),
        results=frozenset({StoredResult(f"{name}-c", "sent", f"{name}-out")}),
        names=frozenset({(f"{name}-e", f"{name}-m"), (f"{name}-c", f"{name}-m"), (f"{name}-r", f"{name}-out")}),
        providers=frozenset({"small"}),
    )


BOOKS = {name: expected(name) for name in ("a", "b")}
LOG = {name: stored(name) for name in ("a", "b")}
OF_A = LOG["a"]


def test_two_accounts_that_keep_apart_are_clean() -> None:
    """Nothing is found where nothing mixed."""
    assert check(BOOKS, LOG).clean


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (replace(OF_A, webhooks=OF_A.webhooks | {b"b-w"}), "1 webhooks of b are in the log under a"),
        (replace(OF_A, names=OF_A.names | {("a-e", "b-m")}), "1 events, commands or results of a name messages of b"),
        (replace(OF_A, names=OF_A.names | {("a-e", "b-out")}), "1 events, commands or results of a name messages of b"),
        (
            replace(OF_A, commands=OF_A.commands | {StoredCommand("a-c2", "b-e")}),
            "1 messages of b were answered by commands of a",
        ),
        (
            replace(OF_A, results=OF_A.results | {StoredResult("b-c", "failed", None)}),
            "1 commands of b have a result of a",
        ),
        (
            replace(OF_A, results=frozenset({StoredResult("a-c", "sent", "b-out")})),
            "1 replies of a were sent through b",
        ),
        (replace(OF_A, disguised=frozenset({"a-e"})), "1 events under a name another account themselves"),
        (
            replace(OF_A, providers=frozenset({"large", "small"})),
            "records under a name another provider: large, small",
        ),
    ],
    ids=["webhook", "message", "reply", "command", "result", "sending", "account", "provider"],
)
def test_what_came_to_another_account_is_found(changed: Stored, sentence: str) -> None:
    """Each kind gives its own sentence, and only that."""
    audit = check(BOOKS, {**LOG, "a": changed})
    assert audit.mixed == (sentence,)
    assert not audit.clean


def test_a_confirmation_at_the_wrong_cloud_is_found() -> None:
    """The cloud was asked to confirm what it never had."""
    audit = check({**BOOKS, "b": replace(BOOKS["b"], strays=3)}, LOG)
    assert audit.lines() == ["3 confirmations at b were of what it never had"]


def test_an_account_that_is_none_is_found() -> None:
    """A record that stands under no account of the configuration."""
    assert check(BOOKS, {**LOG, "": Stored()}).mixed == ("records are in the log under an account that is none: ''",)


def test_an_id_that_two_clouds_chose_belongs_to_both() -> None:
    """Clouds choose their ids alone; the same one twice is no sign of anything."""
    books = {name: replace(book, messages=book.messages | {"same"}) for name, book in BOOKS.items()}
    log = {name: replace(held, names=held.names | {(f"{name}-e", "same")}) for name, held in LOG.items()}
    assert check(books, log).clean


def test_what_a_person_posted_is_no_mixing() -> None:
    """Its message is of no cloud's books; its reply is in those of the account that it came in by."""
    mine = replace(
        OF_A,
        webhooks=OF_A.webhooks | {b"mine"},
        events=OF_A.events | {"mine"},
        commands=OF_A.commands | {StoredCommand("c9", "mine")},
        results=OF_A.results | {StoredResult("c9", "sent", "out9")},
        names=OF_A.names | {("mine", "m9"), ("c9", "m9")},
    )
    assert check({**BOOKS, "a": replace(BOOKS["a"], effects=("a-out", "out9"))}, {**LOG, "a": mine}).clean


accounts = st.dictionaries(st.sampled_from("abc"), st.frozensets(st.binary(min_size=1, max_size=1), max_size=5))


@given(accounts, accounts)
def test_a_webhook_mixed_is_one_of_another_account_alone(
    sent: Mapping[str, frozenset[bytes]], held: Mapping[str, frozenset[bytes]]
) -> None:
    """Set arithmetic between every two accounts, whatever the sets."""
    books = {name: Expected(webhooks=dict.fromkeys(digests, "x")) for name, digests in sent.items()}
    found = check(books, {name: Stored(webhooks=digests) for name, digests in held.items() if name in sent}).mixed
    pairs = [(owner, other) for owner in sent for other in sent if owner != other]
    wrong = [pair for pair in pairs if held.get(pair[1], frozenset()) & (sent[pair[0]] - sent[pair[1]])]
    assert len(found) == len(wrong)
