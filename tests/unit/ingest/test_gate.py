"""The order at the gate: whoever came first goes first, whichever way it is (P4)."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.log import Log, LogState, Position
from ingest.gate import Gate
from ingest.settings import SpoolSettings
from ingest.spool import Spool
from schemas.records import Record
from tests.support.receiver import NOW, Answer, MemoryLog, body_of, receiver, request_bytes, until
from tests.support.sample_provider import POLICY


@dataclass
class Parts:
    """As much of a log and of a spool as the gate looks at."""

    state: LogState = LogState.HEALTHY
    gating: bool = False

    @property
    def gate(self) -> Gate:
        """Return a gate between the two."""
        return Gate(cast("Log", self), cast("Spool", self))


async def test_whoever_was_held_goes_on_before_a_newcomer() -> None:
    """One behind the other, those that come at the moment of the release at the end."""
    gate = Parts().gate
    order: list[str] = []

    async def come(name: str) -> None:
        assert await gate.direct()
        order.append(name)

    gate.hold()
    held = [asyncio.create_task(come(name)) for name in "abc"]
    await asyncio.sleep(0.01)
    gate.release()
    await asyncio.gather(*held, come("d"), come("e"))
    assert order == list("abcde")


async def test_polls_may_prove_a_suspected_log_that_nobody_else_appends_to() -> None:
    """Webhooks go to the spool then; with none of them, only a poll can show that the log is well."""
    assert Parts(LogState.SUSPECT).gate.may_poll
    assert not Parts(LogState.SUSPECT).gate.open
    assert not Parts(LogState.AWAY).gate.may_poll
    assert not Parts(LogState.SUSPECT, gating=True).gate.may_poll


async def test_those_that_wait_for_a_log_that_turns_sick_reach_the_spool_in_their_order(tmp_path: Path) -> None:
    """And before the one that comes just then."""
    memory = MemoryLog(gate=asyncio.Event())
    spool = Spool(SpoolSettings(dir=str(tmp_path)), clock=lambda: NOW)
    async with receiver(memory, spool=spool) as bench:
        assert memory.gate is not None
        asked = []
        for number in range(10):
            asked.append(asyncio.create_task(bench.ask(request_bytes(body_of(id=f"m{number}")))))
            await until(lambda wanted=number + 1: memory.appending == wanted)  # type: ignore[misc] # bound at once
        memory.suspect = True
        asked.append(asyncio.create_task(bench.ask(request_bytes(body_of(id="m10")))))
        assert {answer.status for answer in await asyncio.gather(*asked)} == {POLICY.success_status}
        memory.suspect = False
        memory.gate.set()
        await until(lambda: bench.server.drained == 11)
        bodies = [webhook.body for webhook in memory.webhooks]
        assert bodies == [body_of(id=f"m{number}") for number in range(11)]


TURNS = st.integers(0, 6)


@given(leaving=st.lists(TURNS, min_size=1, max_size=6), coming=st.lists(TURNS, min_size=2, max_size=20))
def test_whoever_comes_while_earlier_ones_leave_the_log_stays_behind_whoever_came_first(
    leaving: list[int], coming: list[int]
) -> None:
    """However many turns of the loop the earlier ones take to leave, and in which turns the others come."""
    called, passed = asyncio.run(hand_over(leaving, coming))
    assert passed == called


async def hand_over(leaving: Sequence[int], coming: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return in which order newcomers called the gate and passed it, while earlier ones leave a sick log."""
    parts = Parts()
    gate = parts.gate
    called: list[int] = []
    passed: list[int] = []

    async def wait_for_log(turns: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with gate.while_healthy():
                try:
                    await asyncio.Event().wait()
                finally:
                    await take(turns)

    async def come(number: int, turns: int) -> None:
        await take(turns)
        called.append(number)
        assert not await gate.direct()
        passed.append(number)

    async def take(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for turns in leaving:
            group.create_task(wait_for_log(turns))
        await asyncio.sleep(0)
        parts.state = LogState.SUSPECT
        for number, turns in enumerate(coming):
            group.create_task(come(number, turns))
    return called, passed


async def test_without_a_spool_nobody_is_sent_away_from_a_suspected_log() -> None:
    """There is no other place: who waits goes on waiting, and who comes goes there too."""
    memory = MemoryLog(gate=asyncio.Event())
    async with receiver(memory) as bench:
        assert memory.gate is not None
        first = asyncio.create_task(bench.ask(request_bytes(body_of(id="first"))))
        await until(lambda: memory.appending == 1)
        memory.suspect = True
        second = asyncio.create_task(bench.ask(request_bytes(body_of(id="second"))))
        await until(lambda: memory.appending == 2)
        memory.gate.set()
        assert {(await first).status, (await second).status} == {POLICY.success_status}


async def test_a_new_hold_sends_those_that_wait_to_the_spool_in_their_order_and_keeps_newcomers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So the batch that is read then can be the last one."""
    monkeypatch.setattr("ingest.gate.HOLD_WAIT", 100.0)
    gate = Parts().gate
    order: list[tuple[str, bool]] = []

    async def come(name: str) -> None:
        order.append((name, await gate.direct()))

    gate.hold()
    held = [asyncio.create_task(come(name)) for name in "abc"]
    await asyncio.sleep(0.01)
    gate.hold()
    newcomer = asyncio.create_task(come("d"))
    await asyncio.gather(*held)
    assert order == [("a", False), ("b", False), ("c", False)]
    gate.release()
    await newcomer
    assert order[3:] == [("d", True)]


async def test_a_spool_runs_dry_beside_steady_traffic_although_the_log_takes_its_time(tmp_path: Path) -> None:
    """Each append takes 0.3 s, and ten webhooks come in each: they go directly in the end."""
    log = SlowLog()
    spool = Spool(SpoolSettings(dir=str(tmp_path)), clock=lambda: NOW)
    async with receiver(log, spool=spool) as bench:
        log.suspect = True
        await bench.ask(request_bytes(body_of(id="first")))
        log.suspect = False
        asked: list[asyncio.Task[Answer]] = []
        async with asyncio.timeout(20):
            while spool.gating or bench.server.drained == 0:
                asked.append(asyncio.create_task(bench.ask(request_bytes(body_of(id=f"m{len(asked)}")))))
                await asyncio.sleep(0.03)
        assert {answer.status for answer in await asyncio.gather(*asked)} == {POLICY.success_status}


class SlowLog(MemoryLog):
    """A log that is far away."""

    async def append(self, records: Sequence[Record], wait: float) -> Sequence[Position]:
        """Store after 0.3 s."""
        await asyncio.sleep(0.3)
        return await super().append(records, wait)
