"""The ledger of commands: durable, shared, and silent about texts once they are sent."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from consumers.commands import result_id
from consumers.state import ledger_table
from consumers.state.database import Database, StateError, StateValueError
from consumers.state.ledger import Claim, ClaimState, Ledger
from consumers.state.ledger_table import Row
from consumers.state.schema import commands
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
def ledger(database: Database) -> Ledger:
    """Return a ledger in an open state, on each database."""
    return Ledger(database)


@contextlib.asynccontextmanager
async def reopened(url: str) -> AsyncIterator[Ledger]:
    """Give a second ledger on the same state, as another process has it."""
    other = Database(url)
    await other.open()
    try:
        yield Ledger(other)
    finally:
        await other.close()


async def test_a_first_claim_is_new(ledger: Ledger) -> None:
    """And counts as the first call."""
    claim = await ledger.claim(command(), b"body", T, 0.0)
    assert claim == Claim(state=ClaimState.NEW, calls=1, doubts=1, doubtful_at=T, called_at=T, body=b"body")


async def test_a_claim_without_a_result_gives_back_its_bytes(ledger: Ledger, state_url: str) -> None:
    """Another process learns what was sent, and since when."""
    await ledger.claim(command(), b"body", T, 0.0)
    async with reopened(state_url) as other:
        assert await other.claim(command(), b"other", T + 5, 0.0) == Claim(
            state=ClaimState.CLAIMED, calls=2, doubts=2, doubtful_at=T, called_at=T + 5, body=b"body"
        )


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
    claim = await ledger.claim(command(), b"body", T, 30.0)
    await ledger.release(command(), claim, effectless=False)
    assert (await ledger.claim(command(), b"body", T, 30.0)).state is ClaimState.CLAIMED


async def test_a_clock_that_was_set_back_does_not_block_a_command(ledger: Ledger) -> None:
    """A claim from the future is as old as one from the past."""
    await ledger.claim(command(), b"body", T, 30.0)
    assert (await ledger.claim(command(), b"body", T - 3600, 30.0)).state is ClaimState.CLAIMED


async def test_a_claim_that_comes_too_late_is_taken_back(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """No call was made for it, so it leaves no doubt."""
    monkeypatch.setattr("consumers.state.database.CALL_WAIT", 0.02)
    go, claim_row = threading.Event(), ledger_table.claim

    def slow(*parts: Any) -> Row:
        go.wait(5.0)
        return claim_row(*parts)

    monkeypatch.setattr(ledger_table, "claim", slow)
    with pytest.raises(StateError, match="too long"):
        await ledger.claim(command(), b"body", T, 30.0)
    monkeypatch.undo()
    go.set()
    await until_free(ledger)
    claim = await ledger.claim(command(), b"body", T, 30.0)
    assert claim.state is ClaimState.NEW


async def until_free(ledger: Ledger) -> None:
    """Wait until what came too late, and its undoing, are over."""
    async with asyncio.timeout(5.0):
        while (claim := await ledger.claim(command(), b"body", T, 30.0)).state is ClaimState.BUSY:
            pass
    await ledger.release(command(), claim, effectless=True)


async def test_a_released_command_is_new_again_with_its_first_bytes(ledger: Ledger) -> None:
    """After a call that had no effect nothing is in doubt, and the bytes under one id stay the same."""
    claim = await ledger.claim(command(), b"body", T, 0.0)
    await ledger.release(command(), claim, effectless=True)
    assert await ledger.claim(command(), b"other", T + 9, 0.0) == Claim(
        state=ClaimState.NEW, calls=2, doubts=1, doubtful_at=T + 9, called_at=T + 9, body=b"body"
    )


async def test_a_call_that_ends_late_leaves_a_newer_claim_alone(ledger: Ledger) -> None:
    """Its place was taken over meanwhile; the other's call is still under way."""
    late = await ledger.claim(command(), b"body", T, 30.0)
    await ledger.claim(command(), b"body", T + 31, 30.0)
    await ledger.release(command(), late, effectless=True)
    assert (await ledger.claim(command(), b"body", T + 32, 30.0)).state is ClaimState.BUSY


async def test_a_claim_without_a_body_leaves_no_doubt(ledger: Ledger) -> None:
    """A command that was only noted can still be called for the first time."""
    await ledger.claim(command(), b"", T, 0.0)
    claim = await ledger.claim(command(), b"body", T, 0.0)
    assert (claim.state, claim.calls, claim.body) == (ClaimState.NEW, 1, b"body")


async def test_accounts_have_their_own_commands(ledger: Ledger) -> None:
    """The same id at two accounts is two commands."""
    await ledger.claim(command(), b"body", T, 0.0)
    assert (await ledger.claim(command(account="other"), b"body", T, 0.0)).state is ClaimState.NEW


async def test_of_two_processes_one_claim_is_new(ledger: Ledger, state_url: str) -> None:
    """The primary key arbitrates, however often they meet."""
    async with reopened(state_url) as other:
        for number in range(10):
            both = [each.claim(command(number), b"body", T, 30.0) for each in (ledger, other)]
            assert sorted(claim.state for claim in await asyncio.gather(*both)) == ["busy", "new"]


async def test_the_recipient_is_kept_as_long_as_the_body(ledger: Ledger, database: Database) -> None:
    """So that what is kept about a person can be found, and no longer than it has to be."""

    def kept(connection: Connection) -> list[Any]:
        return list(connection.execute(select(commands.c.body, commands.c.number)))

    await ledger.claim(command(), b"body", T, 0.0)
    assert await database.run(kept) == [(b"body", PERSON)]
    await ledger.complete(command(), RESULT)
    assert await database.run(kept) == [(b"", None)]


async def test_the_body_and_the_numbers_are_gone_when_a_command_is_done(tmp_path: Path) -> None:
    """No text and no number stays in the file."""
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await database.open()
    ledger = Ledger(database)
    await ledger.claim(command(), b"the secret text" * 2000, T, 0.0)
    await ledger.complete(command(), RESULT)
    await database.close()
    held = await asyncio.to_thread(lambda: b"".join(path.read_bytes() for path in tmp_path.iterdir()))
    assert b"secret text" not in held
    assert PERSON.encode() not in held


async def test_a_command_that_the_database_cannot_name_is_no_trouble_of_the_state(ledger: Ledger) -> None:
    """PostgreSQL takes no NUL: such a command fails by itself and holds up nobody."""
    with contextlib.suppress(StateValueError):
        await ledger.claim(command(to="a\0b"), b"body", T, 0.0)
    assert (await ledger.claim(command(1), b"body", T, 0.0)).state is ClaimState.NEW


async def test_a_result_that_cannot_be_read_is_no_trouble_of_the_state(ledger: Ledger, database: Database) -> None:
    """Waiting does not mend it: its command fails by itself, and ends with the dead letters."""
    await ledger.claim(command(), b"body", T, 0.0)
    await ledger.complete(command(), RESULT)

    def damage(connection: Connection) -> None:
        connection.execute(commands.update().values(result=b"{"))

    await database.run(damage)
    with pytest.raises(StateValueError, match="cannot be read"):
        await ledger.claim(command(), b"body", T, 0.0)


async def test_a_closed_state_says_so(ledger: Ledger, database: Database) -> None:
    """It does not hang and does not pretend."""
    await database.close()
    with pytest.raises(StateError, match="not open"):
        await ledger.claim(command(), b"body", T, 0.0)


CLAIM_AND_WAIT = """
import asyncio, sys
from consumers.state.database import Database
from consumers.state.ledger import Ledger
from tests.support.consumers import command

async def main():
    database = Database(sys.argv[1])
    await database.open()
    await Ledger(database).claim(command(), b"body", 1.0, 0.0)
    print("claimed", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.may_block
@pytest.mark.faults
async def test_a_claim_survives_the_death_of_its_process(ledger: Ledger, state_url: str) -> None:
    """A claim that was given is there after SIGKILL, with its bytes."""
    root = Path(__file__).parents[3]
    with subprocess.Popen(  # noqa: ASYNC220 - the test has nothing else to do
        [sys.executable, "-c", CLAIM_AND_WAIT, state_url],
        stdout=subprocess.PIPE,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"claimed\n"
        process.send_signal(signal.SIGKILL)
    claim = await ledger.claim(command(), b"other", 2.0, 0.0)
    assert (claim.state, claim.body) == (ClaimState.CLAIMED, b"body")
