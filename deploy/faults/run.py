"""Runs the scenarios of one topology one after another and closes the ledger over them."""

import asyncio
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.errors import KafkaError

from deploy.faults.bench import Bench, Recovery
from deploy.faults.judge import Account
from deploy.faults.latency import Latencies
from deploy.faults.receiver import SPOOL_BYTES, Usage
from deploy.faults.scenarios.scenario import NotHereError, Scenario
from deploy.faults.sender import Answers

MEMORY_BOUND = 400 << 20
DISK_BOUND = SPOOL_BYTES + (32 << 20)
_STEADY = 1.0
_SETTLE = 8.0
# Seconds of traffic that must wait for the rate of a drain to mean anything.
_ENOUGH_WAITING = 5.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run: how fast, which scenarios, how long each has at most."""

    folder: Path
    nodes: int
    rate: float
    seed: int
    scenarios: Sequence[Scenario]


@dataclass(slots=True)
class Line:
    """One scenario of one topology, done."""

    name: str
    nodes: int
    seconds: float = 0.0
    answers: Answers = field(default_factory=Answers)
    account: Account = field(default_factory=Account)
    recovery: Recovery = field(default_factory=Recovery)
    faults: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    not_run: str = ""
    lag: float = 0.0
    waiting: int = 0
    """Records in the spool when the fault ended."""

    def drain_ratio(self, rate: float) -> float | None:
        """Return how many times as fast as webhooks come at `rate` the spool was drained; None: too little to tell.

        What came meanwhile went through the spool too. The time that the broker took to be itself again is in it.
        """
        seconds = self.recovery.empty
        if not seconds or self.waiting < _ENOUGH_WAITING * rate:
            return None
        return self.waiting / seconds / rate + 1

    @property
    def troubles(self) -> Sequence[str]:
        """Everything that is wrong, a sentence each."""
        found = [*self.faults, *self.recovery.trouble, *_bounds(self.recovery.usage)]
        account, late = self.account, self.answers.late
        if account.lost:
            found.append(f"{account.lost} events lost (of {len(account.lost_webhooks)} webhooks that are not there)")
        if account.out_of_order:
            found.append(f"{len(account.out_of_order)} events out of order")
        if late:
            found.append(f"{len(late)} answers later than the provider waits, such as {late[0]}")
        return found


@dataclass(slots=True)
class Outcome:
    """One topology, done."""

    nodes: int
    lines: list[Line] = field(default_factory=list[Line])
    raw_repeats: int = 0

    @property
    def away(self) -> Latencies:
        """All answers that began while the broker was away."""
        whole = Latencies()
        for line in self.lines:
            whole.include(line.answers.away)
        return whole


async def perform(plan: Plan, say: Say) -> Outcome:
    """Run one topology. Raises what the bench itself breaks on."""
    shutil.rmtree(plan.folder, ignore_errors=True)
    outcome = Outcome(plan.nodes)
    bench = Bench(plan.folder, plan.nodes, plan.rate, plan.seed)
    say(f"{plan.nodes} broker{'s' * (plan.nodes > 1)}: starting in {plan.folder}")
    async with bench.opened():
        await asyncio.sleep(_STEADY)
        for number, scenario in enumerate(plan.scenarios):
            outcome.lines.append(await _one(bench, number, scenario, say))
        await _close(bench, outcome)
    return outcome


async def _one(bench: Bench, number: int, scenario: Scenario, say: Say) -> Line:
    line, began = Line(scenario.name, bench.nodes), time.monotonic()
    bench.sending.scenario, bench.notes, bench.faults = number, line.notes, line.faults
    await asyncio.sleep(_STEADY)
    try:
        await scenario.run(bench)
    except NotHereError as reason:
        line.not_run = str(reason)
    except (RuntimeError, OSError, KafkaError) as error:
        # One that cannot be ended as planned is a failure of its own; the others are still worth running.
        line.faults.append(f"broke: {type(error).__name__}: {error}")
    line.waiting = await bench.receiver.spool_records()
    line.recovery = await bench.recovered()
    line.answers = bench.sending.of(number)
    line.seconds = time.monotonic() - began
    line.lag, bench.sending.lag = bench.sending.lag, 0.0
    ratio = line.drain_ratio(bench.rate)
    if ratio is not None:
        line.notes.append(f"{line.waiting} waited, drained {ratio:.1f} times as fast as they came")
    say(_words(line, bench))
    return line


async def _close(bench: Bench, outcome: Outcome) -> None:
    """Let all that is in hand end, read Kafka for the last time, and judge."""
    await bench.sending.settle(_SETTLE)
    # What is still in hand was never acknowledged and waits for its next attempt: nothing is owed to it.
    await bench.sending.stop()
    last = await bench.recovered_last()
    accounts = await asyncio.to_thread(bench.accounts)
    for number, line in enumerate(outcome.lines):
        line.account = accounts.get(number, Account())
    if outcome.lines:
        outcome.lines[-1].faults += last
    outcome.raw_repeats = bench.stored.raw_repeats


def _bounds(usage: Usage) -> Sequence[str]:
    found: list[str] = []
    if usage.memory > MEMORY_BOUND:
        found.append(f"the receiver took {usage.memory >> 20} MiB of memory, more than {MEMORY_BOUND >> 20}")
    if usage.spool > DISK_BOUND:
        found.append(f"the spool took {usage.spool >> 20} MiB, more than {DISK_BOUND >> 20}")
    return found


def _words(line: Line, bench: Bench) -> str:
    answers, recovery = line.answers, line.recovery
    if line.not_run:
        return f"  {line.name}: not run: {line.not_run}"
    words = " ".join(f"{word}:{count}" for word, count in sorted(answers.words.items()))
    empty = "never" if recovery.empty is None else f"{recovery.empty:.1f} s"
    return (
        f"  {line.name}: {line.seconds:.0f} s, {words}, slowest {answers.all.slowest:.2f} s"
        f" (the bench itself {line.lag:.2f} s late),"
        f" empty after {empty}, {recovery.usage.memory >> 20} MiB, spool {recovery.usage.spool >> 10} KiB,"
        f" {bench.stored.webhooks} webhooks stored"
        + "".join(f"; {note}" for note in (*line.notes, *line.faults, *recovery.trouble))
    )
