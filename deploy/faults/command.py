"""Run the fault bench: `make faults`. The exit status is 0 only if every ledger closes."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom

from deploy.faults.report import Run, add_run, table, write_named
from deploy.faults.run import Outcome, Plan, perform
from deploy.faults.scenarios.registry import chosen
from deploy.kafka.jars import KafkaMissingError

ROOT = Path(__file__).resolve().parents[2]
PROOF = ROOT / "docs" / "proof.md"
_RATE, _SHORT_RATE = 200.0, 80.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and return the exit status."""
    options = _options().parse_args(arguments)
    try:
        with asyncio.Runner() as runner:
            return runner.run(_interruptible(options))
    except (KafkaMissingError, ValueError) as reason:
        print(reason, file=sys.stderr)
        return 2


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--nodes", type=int, choices=(1, 3), help="one topology alone (default: both)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this scenario; may be repeated")
    parser.add_argument("--short", action="store_true", help="a few scenarios on one broker at a low rate")
    parser.add_argument("--rate", type=float, help=f"webhooks a second (default: {_RATE:.0f})")
    parser.add_argument("--seed", type=int, help="for chance; a run says which it had")
    parser.add_argument("--no-report", action="store_true", help="do not add the run to docs/proof.md")
    parser.add_argument("--dir", type=Path, default=ROOT / "var" / "faults", help="where everything is kept")
    return parser


async def _interruptible(options: argparse.Namespace) -> int:
    """Run until the end or a signal, which ends everything in order."""
    work = asyncio.create_task(_perform(options), name="fault bench")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        print("ended early: nothing is recorded", flush=True)
        return 130
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _perform(options: argparse.Namespace) -> int:
    seed = SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    rate = options.rate or (_SHORT_RATE if options.short else _RATE)
    topologies = (options.nodes,) if options.nodes else (1,) if options.short else (1, 3)
    plans = [
        Plan(folder=options.dir / f"{nodes}-nodes", nodes=nodes, rate=rate, seed=seed, scenarios=scenarios)
        for nodes in topologies
        if (scenarios := chosen(nodes, short=options.short, only=options.only))
    ]
    print(f"seed {seed}, {rate:.0f} webhooks a second", flush=True)
    began, outcomes = time.monotonic(), list[Outcome]()
    for plan in plans:
        outcomes.append(await perform(plan, lambda line: print(line, flush=True)))
    full = not (options.short or options.only or options.nodes)
    run = Run.of(outcomes, seconds=time.monotonic() - began, rate=rate, seed=seed, full=full)
    await asyncio.to_thread(write_named, options.dir / "named.txt", run)
    print(table(run))
    for trouble in run.troubles:
        print(f"FAILED {trouble}")
    if full and not options.no_report:
        await asyncio.to_thread(add_run, PROOF, run)
        print(f"added to {PROOF}")
    print(run.verdict)
    return 0 if run.good else 1
