"""The judge of the kills finds what it is there to find."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from schemas.events import SendCompleted
from tests.support.killing import wrongs_of

SENT = SendCompleted(
    id="r1",
    provider="telnyx",
    account="telnyx",
    received_at=datetime(2026, 1, 1, tzinfo=UTC),
    command_id="c1",
    outcome="sent",
)
SKIPPED = replace(SENT, outcome="unknown", reason="interrupted_skipped")


@pytest.mark.parametrize(
    ("account", "effects", "results"),
    [
        ("telnyx", 1, [SENT]),
        ("telnyx", 1, [SENT, SENT]),
        ("messagemedia", 0, [SKIPPED]),
        ("messagemedia", 1, [SKIPPED]),
        ("syniverse", 0, [replace(SENT, outcome="expired", reason="expired")]),
        ("syniverse", 0, []),
    ],
)
def test_one_text_or_none_with_a_reason_is_right(account: str, effects: int, results: list[SendCompleted]) -> None:
    """A result may be told again, in the same words."""
    assert not wrongs_of(account, effects, results)


@pytest.mark.parametrize(
    ("account", "effects", "results", "word"),
    [
        ("syniverse", 2, [SENT], "2 texts"),
        ("syniverse", 1, [], "beside a silence"),
        ("syniverse", 0, [SENT], "sent, and no text"),
        ("syniverse", 0, [replace(SENT, outcome="failed")], "no reason"),
        ("syniverse", 1, [replace(SENT, outcome="expired", reason="expired")], "a text, and expired"),
        ("telnyx", 0, [SKIPPED], "although the key is known"),
        ("messagemedia", 1, [SENT, SKIPPED], "results that differ"),
    ],
)
def test_all_else_is_wrong(account: str, effects: int, results: list[SendCompleted], word: str) -> None:
    """Each with its own word."""
    assert any(word in found for found in wrongs_of(account, effects, results))
