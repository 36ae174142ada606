"""The table on the terminal, and the runs recorded in `docs/proof.md` with their running total."""

import os
import platform
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.faults.judge import Account, total
from deploy.faults.latency import Latencies
from deploy.faults.run import Line, Outcome

AWAY_BOUND = 1.5
"""Seconds within which 99.9 % of the answers come while the broker is away."""

_TOTAL = re.compile(r"<!-- total -->.*?<!-- end -->", re.DOTALL)
_RUN = re.compile(r"<!-- run webhooks=(\d+) events=(\d+) named=(\d+) lost=(\d+) -->")
_HEAD = (
    "fault",
    "brokers",
    "webhooks acked",
    "events acked",
    "lost",
    "named lost",
    "duplicated",
    "slowest",
    "p99.9 while away",
    "recovered",
    "verdict",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A whole run, ready to be told. One that is not `full` leaves out faults and is never recorded."""

    outcomes: Sequence[Outcome]
    seconds: float
    rate: float
    seed: int
    at: str
    commit: str
    machine: str
    full: bool = True

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], *, seconds: float, rate: float, seed: int, full: bool) -> Self:
        """Add when, of what and where. Blocks for a moment."""
        at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        return cls(
            outcomes=outcomes,
            seconds=seconds,
            rate=rate,
            seed=seed,
            at=at,
            commit=_commit(),
            machine=_machine(),
            full=full,
        )

    @property
    def lines(self) -> Sequence[Line]:
        """Every scenario of every topology."""
        return [line for outcome in self.outcomes for line in outcome.lines]

    @property
    def account(self) -> Account:
        """All accounts together."""
        return total(line.account for line in self.lines)

    @property
    def away(self) -> Latencies:
        """All answers that began while the broker was away."""
        whole = Latencies()
        for outcome in self.outcomes:
            whole.include(outcome.away)
        return whole

    @property
    def troubles(self) -> Sequence[str]:
        """What is wrong, with the scenario's name in front."""
        found = [f"{line.name} ({line.nodes}): {trouble}" for line in self.lines for trouble in line.troubles]
        # A thousandth of a short run is an answer or two.
        if self.full and self.away.quantile(0.999) >= AWAY_BOUND:
            found.append(f"p99.9 while away is {self.away.quantile(0.999):.2f} s, not under {AWAY_BOUND} s")
        return found

    @property
    def good(self) -> bool:
        """Whether nothing is wrong and something was proved."""
        return not self.troubles and self.account.events > 0

    @property
    def verdict(self) -> str:
        """The one line at the end."""
        account, away = self.account, self.away
        return (
            f"{'PASSED' if self.good else 'FAILED'}: {account.webhooks} webhooks with {account.events} events"
            f" acknowledged, {account.lost} events lost, {len(account.named)} lost by name,"
            f" {account.duplicated} duplicated, {len(account.out_of_order)} out of order;"
            f" p99.9 while away {_seconds(away, 0.999)}; {self.seconds:.0f} s"
        )


def table(run: Run) -> str:
    """Return the table as Markdown, which reads well on a terminal too."""
    rows = [_HEAD, *(_row(line) for line in run.lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _row(line: Line) -> Sequence[str]:
    account, answers, recovery = line.account, line.answers, line.recovery
    if line.not_run:
        return (line.name, str(line.nodes), *["-"] * (len(_HEAD) - 3), f"not run: {line.not_run}")
    return (
        line.name,
        str(line.nodes),
        str(account.webhooks),
        str(account.events),
        str(account.lost),
        str(len(account.named)),
        str(account.duplicated),
        f"{answers.all.slowest:.2f} s",
        _seconds(answers.away, 0.999),
        "never" if recovery.empty is None else f"{recovery.empty:.1f} s",
        "FAILED" if line.troubles else "ok",
    )


def _seconds(latencies: Latencies, share: float) -> str:
    return f"{latencies.quantile(share):.2f} s" if latencies.count else "-"


def add_run(path: Path, run: Run) -> None:
    """Add the run at the end of the page and renew the total at its top. Blocks."""
    text = path.read_text(encoding="utf-8").rstrip("\n") + "\n\n" + section(run)
    path.write_text(with_total(text), encoding="utf-8")


def section(run: Run) -> str:
    """Return what is recorded of a run."""
    account = run.account
    troubles = "".join(f"- {trouble}\n" for trouble in run.troubles)
    notes = "".join(f"- {line.name} ({line.nodes}): {note}\n" for line in run.lines for note in line.notes)
    return (
        f"### {run.at}, commit {run.commit}\n\n"
        f"<!-- run webhooks={account.webhooks} events={account.events} named={len(account.named)}"
        f" lost={account.lost} -->\n"
        f"{run.machine}. {run.rate:.0f} webhooks a second, seed {run.seed}.\n\n{run.verdict}\n\n"
        f"{table(run)}\n{chr(10) if notes or troubles else ''}{notes}{troubles}"
    )


def with_total(text: str) -> str:
    """Return the page with the total of the runs that stand in it."""
    runs = [tuple(map(int, found)) for found in _RUN.findall(text)]
    webhooks, events, named, lost = (sum(run[place] for run in runs) for place in range(4))
    kept = events - named - lost
    line = (
        f"{len(runs)} recorded runs: {webhooks:,} webhooks with {events:,} events acknowledged; {kept:,} events kept,"
        f" {lost:,} lost, {named:,} taken away by the fault itself and named."
    )
    return _TOTAL.sub(f"<!-- total -->\n{line}\n<!-- end -->", text, count=1)


def write_named(path: Path, run: Run) -> None:
    """Write the id of everything that was lost, with the scenario and whether it was named. Blocks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for line in run.lines:
            account = line.account
            for word, ids in (("named", account.named), ("lost", account.lost_events), ("order", account.out_of_order)):
                file.writelines(f"{line.nodes} {line.name} {word} {one}\n" for one in ids)


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False, timeout=10)
    return done.stdout.strip() or "unknown"


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    kernel = f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {kernel}, Python {platform.python_version()}"
