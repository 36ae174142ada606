"""The ledger of commands: durable, shared, and silent about texts once they are sent."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consumers.commands import result_id
from consumers.state.ledger import KEPT_SECONDS, Claim, ClaimState, Ledger
from consumers.state.ledger_table import LedgerError, LedgerTable, Row
from schemas.events import ProviderError, SendCompleted
from tests.support.consumers import MAIN, NOW, PERSON, command

T = NOW.timestamp()
RESULT = SendCompleted(
    id=result_id(command()),
    provider="telnyx",
    account="main",
    tenant="acme",
    message_id="sent-1",
    received_at=NOW,
    command_id="command-0",
    outcome="sent",
    from_=MAIN,
    to=PERSON,
    errors=(ProviderError(code="1", title="t"),),
)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """Give an open ledger."""
    made = Ledger(f"sqlite:///{tmp_path / 'deep' / 'state.db'}")
    await made.open()
    yield made
    await made.close()


async def reopened(tmp_path: Path) -> Ledger:
    """Return a second ledger on the same file."""
    other = Ledger(f"sqlite:///{tmp_path / 'deep' / 'state.db'}")
    await other.open()
    return other


async def test_a_first_claim_is_new(ledger: Ledger) -> None:
    """And counts as the first call."""
    claim = await ledger.claim(command(), b"body", T, 0.0)
    assert claim == Claim(state=ClaimState.NEW, calls=1, claimed_at=T, body=b"body")


async def test_a_claim_without_a_result_gives_back_its_bytes(ledger: Ledger, tmp_path: Path) -> None:
    """Another process learns what was sent, and since when."""
    await ledger.claim(command(), b"body", T, 0.0)
    other = await reopened(tmp_path)
    assert await other.claim(command(), b"other", T + 5, 0.0) == Claim(
        state=ClaimState.CLAIMED, calls=2, claimed_at=T, body=b"body"
    )
    await other.close()


async def test_a_completed_command_gives_back_its_result(ledger: Ledger) -> None:
    """The same result, numbers included."""
    await ledger.claim(command(), b"body", T, 0.0)
    assert await ledger.complete(command(), RESULT) == RESULT
    claim = await ledger.claim(command(), b"body", T, 0.0)
    assert (claim.state, claim.result) == (ClaimState.DONE, RESULT)


async def test_the_first_result_counts(ledger: Ledger) -> None:
    """A second process that ends the same command gets the first one's result."""
    await ledger.claim(command(), b"body", T, 0.0)
    await ledger.complete(command(), RESULT)
    again = SendCompleted(
        id=RESULT.id, provider="telnyx", account="main", received_at=NOW, command_id="command-0", outcome="unknown"
    )
    assert (await ledger.complete(command(), again)).outcome == "sent"


UNKNOWN = replace(RESULT, outcome="unknown", message_id=None, errors=())


async def test_a_result_that_knows_takes_the_place_of_unknown(ledger: Ledger) -> None:
    """A member that took over cannot know; what the first one learnt counts, and then stays."""
    await ledger.claim(command(), b"body", T, 0.0)
    assert await ledger.complete(command(), UNKNOWN) == UNKNOWN
    assert await ledger.complete(command(), RESULT) == RESULT
    assert await ledger.complete(command(), UNKNOWN) == RESULT
    assert (await ledger.claim(command(), b"body", T, 0.0)).result == RESULT


async def test_a_call_that_may_be_under_way_is_not_claimed(ledger: Ledger) -> None:
    """Not before it must be over; and it counts as no call."""
    await ledger.claim(command(), b"body", T, 30.0)
    assert (await ledger.claim(command(), b"body", T + 29, 30.0)).state is ClaimState.BUSY
    claim = await ledger.claim(command(), b"body", T + 31, 30.0)
    assert (claim.state, claim.calls) == (ClaimState.CLAIMED, 2)
    assert (await ledger.claim(command(), b"body", T + 32, 30.0)).state is ClaimState.BUSY


async def test_a_call_in_doubt_that_is_over_can_be_claimed_at_once(ledger: Ledger) -> None:
    """Its end was noted."""
    await ledger.claim(command(), b"body", T, 30.0)
    await ledger.release(command(), doubtful=True)
    assert (await ledger.claim(command(), b"body", T, 30.0)).state is ClaimState.CLAIMED


async def test_a_clock_that_was_set_back_does_not_block_a_command(ledger: Ledger) -> None:
    """A claim from the future is as old as one from the past."""
    await ledger.claim(command(), b"body", T, 30.0)
    assert (await ledger.claim(command(), b"body", T - 3600, 30.0)).state is ClaimState.CLAIMED


async def test_a_claim_that_comes_too_late_is_taken_back(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """No call was made for it, so it leaves no doubt."""
    monkeypatch.setattr("consumers.state.ledger.CALL_WAIT", 0.02)
    go, claim_row = threading.Event(), LedgerTable.claim

    def slow(table: LedgerTable, *parts: Any) -> Row:
        go.wait(5.0)
        return claim_row(table, *parts)

    monkeypatch.setattr(LedgerTable, "claim", slow)
    with pytest.raises(LedgerError, match="too long"):
        await ledger.claim(command(), b"body", T, 30.0)
    monkeypatch.undo()
    go.set()
    claim = await ledger.claim(command(), b"body", T, 30.0)
    assert claim.state is ClaimState.NEW


async def test_work_that_nobody_waits_for_keeps_its_place(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is on what the thread has to do, not on who waits for it."""
    monkeypatch.setattr("consumers.state.ledger.CALL_WAIT", 0.02)
    monkeypatch.setattr("consumers.state.ledger.WAITING_MOST", 1)
    go = threading.Event()
    monkeypatch.setattr(LedgerTable, "claim", lambda *_: go.wait(5.0))
    with pytest.raises(LedgerError, match="too long"):
        await ledger.claim(command(), b"body", T, 30.0)
    with pytest.raises(LedgerError, match="too many"):
        await ledger.claim(command(1), b"body", T, 30.0)
    go.set()


async def test_a_released_command_is_new_again_with_its_first_bytes(ledger: Ledger) -> None:
    """After a call that had no effect nothing is in doubt, and the bytes under one id stay the same."""
    await ledger.claim(command(), b"body", T, 0.0)
    await ledger.release(command(), doubtful=False)
    assert await ledger.claim(command(), b"other", T, 0.0) == Claim(
        state=ClaimState.NEW, calls=2, claimed_at=T, body=b"body"
    )


async def test_a_claim_without_a_body_leaves_no_doubt(ledger: Ledger) -> None:
    """A command that was only noted can still be called for the first time."""
    await ledger.claim(command(), b"", T, 0.0)
    claim = await ledger.claim(command(), b"body", T, 0.0)
    assert (claim.state, claim.calls, claim.body) == (ClaimState.NEW, 1, b"body")


async def test_accounts_have_their_own_commands(ledger: Ledger) -> None:
    """The same id at two accounts is two commands."""
    await ledger.claim(command(), b"body", T, 0.0)
    assert (await ledger.claim(command(account="other"), b"body", T, 0.0)).state is ClaimState.NEW


async def test_of_two_processes_one_claim_is_new(ledger: Ledger, tmp_path: Path) -> None:
    """The primary key arbitrates."""
    other = await reopened(tmp_path)
    claims = await asyncio.gather(*(each.claim(command(), b"body", T, 0.0) for each in (ledger, other)))
    assert sorted(claim.state for claim in claims) == ["claimed", "new"]
    await other.close()


async def test_the_body_and_the_numbers_are_gone_when_a_command_is_done(ledger: Ledger, tmp_path: Path) -> None:
    """No text and no number stays in the file."""
    await ledger.claim(command(), b"the secret text" * 2000, T, 0.0)
    await ledger.complete(command(), RESULT)
    await ledger.close()
    held = b"".join(path.read_bytes() for path in (tmp_path / "deep").iterdir())
    assert b"secret text" not in held
    assert PERSON.encode() not in held


async def test_old_commands_are_forgotten(ledger: Ledger) -> None:
    """After longer than any command is kept on its topic, and not before."""
    await ledger.claim(command(), b"body", T, 0.0)
    await ledger.claim(command(1), b"body", T + KEPT_SECONDS - 10, 0.0)
    assert (await ledger.claim(command(), b"body", T + KEPT_SECONDS - 5, 0.0)).state is ClaimState.CLAIMED
    assert (await ledger.claim(command(1), b"body", T + 2 * KEPT_SECONDS - 20, 0.0)).state is ClaimState.CLAIMED
    assert (await ledger.claim(command(), b"body", T + 2 * KEPT_SECONDS, 0.0)).state is ClaimState.NEW


@pytest.mark.may_block
async def test_the_file_is_for_our_user_alone(ledger: Ledger, tmp_path: Path) -> None:
    """It holds texts for a while."""
    assert ledger is not None
    assert (tmp_path / "deep" / "state.db").stat().st_mode & 0o077 == 0


@pytest.mark.may_block
@pytest.mark.parametrize("version", [1, 99])
async def test_a_file_of_another_version_is_refused(version: int, tmp_path: Path) -> None:
    """Rather than misread."""
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute(f"PRAGMA user_version={version}")
    connection.close()
    with pytest.raises(LedgerError, match="another version"):
        await Ledger(f"sqlite:///{tmp_path / 'state.db'}").open()


@pytest.mark.may_block
async def test_a_path_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """With the path in the message."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot open"):
        await Ledger(f"sqlite:///{tmp_path / 'file' / 'state.db'}").open()


@pytest.mark.parametrize("url", ["state.db", "postgres:///x", "sqlite:///", "sqlite://x"])
def test_another_url_is_refused(url: str) -> None:
    """Only `sqlite:///PATH` is a ledger."""
    with pytest.raises(LedgerError, match="expected sqlite:///PATH"):
        Ledger(url)


async def test_a_closed_ledger_says_so(ledger: Ledger) -> None:
    """It does not hang and does not pretend."""
    await ledger.close()
    with pytest.raises(LedgerError, match="not open"):
        await ledger.claim(command(), b"body", T, 0.0)


@pytest.mark.may_block
async def test_a_ledger_that_another_holds_too_long_is_an_error(ledger: Ledger, tmp_path: Path) -> None:
    """A lock that does not go away is told, not waited for without end."""
    holder = sqlite3.connect(tmp_path / "deep" / "state.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="locked"):
        await ledger.claim(command(), b"body", T, 0.0)
    holder.close()
    assert (await ledger.claim(command(), b"body", T, 0.0)).state is ClaimState.NEW


CLAIM_AND_WAIT = """
import asyncio, sys
from consumers.state.ledger import Ledger
from tests.support.consumers import command

async def main():
    ledger = Ledger(sys.argv[1])
    await ledger.open()
    await ledger.claim(command(), b"body", 1.0, 0.0)
    print("claimed", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.may_block
@pytest.mark.faults
async def test_a_claim_survives_the_death_of_its_process(tmp_path: Path) -> None:
    """A claim that was given is there after SIGKILL, with its bytes."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    root = Path(__file__).parents[3]
    with subprocess.Popen(  # noqa: ASYNC220 - the test has nothing else to do
        [sys.executable, "-c", CLAIM_AND_WAIT, url],
        stdout=subprocess.PIPE,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"claimed\n"
        process.send_signal(signal.SIGKILL)
    ledger = Ledger(url)
    await ledger.open()
    claim = await ledger.claim(command(), b"other", 2.0, 0.0)
    assert (claim.state, claim.body) == (ClaimState.CLAIMED, b"body")
    await ledger.close()
