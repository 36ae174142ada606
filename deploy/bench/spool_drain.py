"""Print how fast the spool fills while Kafka stands still, and how fast it is drained when Kafka is back.

Run as `python deploy/bench/spool_drain.py [--rate 100 --rate 200] [--away SECONDS]`. It starts a real Kafka and the
real receiver, and delivers the traffic of the fault bench (three providers, a third of it lists of eight events) at a
steady rate that goes on while the spool is drained. Everything shares this machine's cores, so the ratio counts and
not the figures. Needs Java and, once, a network for Kafka's jars.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[2]))

from deploy.faults.ledger import Ledger
from deploy.faults.receiver import HOOKLINE, Receiver, Setup, summed
from deploy.faults.sender import Sending, Target
from deploy.faults.traffic import new_senders, traffic
from deploy.faults.wire import get
from deploy.kafka.cluster import KafkaCluster, free_ports
from deploy.kafka.jars import KafkaMissingError

STEADY_SECONDS = 8.0
DRAIN_SECONDS = 180.0
READY_SECONDS = 30.0
ANSWER_SECONDS = 10.0
# A scrape costs the receiver a few milliseconds.
_LOOK_EVERY = 0.2
STEADY, AWAY, DRAINING = range(3)


@dataclass(frozen=True, slots=True)
class Look:
    """The spool at a moment: seconds of the monotonic clock, webhooks that wait and that went to the log so far."""

    at: float
    waiting: int
    drained: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One round. `fill` and `drain` are webhooks a second, `began` the seconds until the first ones were drained."""

    rate: float
    fill: float
    waited: int
    began: float
    drain: float
    answers: Sequence[str]

    @property
    def line(self) -> str:
        """The round in words."""
        return (
            f"{self.rate:.0f}/s sent: filled {self.fill:.0f}/s, {self.waited} waited; drained {self.drain:.0f}/s, "
            f"ratio {self.drain / self.fill:.1f}, from {self.began:.1f} s after Kafka was back; "
            f"answers {'; '.join(self.answers)}"
        )


class Round:
    """A cluster, a receiver and a sender at one rate."""

    def __init__(self, folder: Path, cluster: KafkaCluster, rate: float) -> None:
        self._cluster, self._rate = cluster, rate
        senders = new_senders()
        listen, admin = free_ports(2)
        setup = Setup(servers=cluster.bootstrap, nodes=1, listen=listen, admin=admin, spool=folder / "spool")
        self._receiver = Receiver(folder / "hookline.toml", setup, tuple(senders.values()))
        self._sending = Sending(Ledger(), traffic(senders, Random(1)), rate)  # noqa: S311 - traffic is no secret
        self._sending.targets = (Target(listen),)

    async def run(self, away: float) -> Measured:
        """Fill the spool for `away` seconds, then drain it. Raises RuntimeError where one of the parts fails."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._receiver.kill)
            await self._receiver.start()
            await self._ready()
            stack.push_async_callback(self._sending.stop)
            await self._sending.start()
            await asyncio.sleep(STEADY_SECONDS)
            filled = await self._fill(away)
            return self._measured(away, filled, await self._drain())

    async def _ready(self) -> None:
        command = [HOOKLINE, "topics", "apply", "--config", str(self._receiver.config)]
        await asyncio.to_thread(subprocess.run, command, check=True, stdout=subprocess.DEVNULL, timeout=90)
        async with asyncio.timeout(READY_SECONDS):
            while not await self._receiver.ready():  # noqa: ASYNC110 - another process
                await asyncio.sleep(_LOOK_EVERY)

    async def _fill(self, away: float) -> Look:
        self._sending.scenario = AWAY
        self._cluster.pause(1)
        try:
            await asyncio.sleep(away)
            return await self._look()
        finally:
            self._cluster.resume(1)

    async def _drain(self) -> Sequence[Look]:
        """Return looks from Kafka's return until the spool is empty."""
        self._sending.scenario = DRAINING
        looks = [await self._look()]
        async with asyncio.timeout(DRAIN_SECONDS):
            while looks[-1].waiting:
                await asyncio.sleep(_LOOK_EVERY)
                looks.append(await self._look())
        return looks

    async def _look(self) -> Look:
        answer = await get(self._receiver.setup.admin, "/metrics", wait=ANSWER_SECONDS)
        if answer is None:
            raise RuntimeError(f"the receiver gives no metrics: see {self._receiver.log}")
        text = answer.body.decode()
        waiting, drained = (summed(text, f"hookline_spool_{name}") for name in ("records", "drained_total"))
        return Look(time.monotonic(), waiting, drained)

    def _measured(self, away: float, filled: Look, looks: Sequence[Look]) -> Measured:
        # Up to the last look before anything was drained the broker finds back to itself.
        start = [look for look in looks if look.drained == filled.drained][-1]
        end = looks[-1]
        return Measured(
            rate=self._rate,
            fill=filled.waiting / away,
            waited=filled.waiting,
            began=start.at - filled.at,
            drain=(end.drained - start.drained) / (end.at - start.at),
            answers=[self._answered(word, scenario) for scenario, word in enumerate(("steady", "away", "draining"))],
        )

    def _answered(self, word: str, scenario: int) -> str:
        times = self._sending.of(scenario).all
        quantiles = "/".join(f"{times.quantile(share) * 1000:.0f}" for share in (0.5, 0.99, 0.999))
        return f"{word} p50/p99/p99.9 {quantiles} ms, slowest {times.slowest * 1000:.0f} ms"


def measure(rates: Sequence[float], away: float) -> None:
    """Run a round at each rate and print its line."""
    with tempfile.TemporaryDirectory(prefix="hookline-bench-") as folder:
        cluster = KafkaCluster(Path(folder) / "kafka")
        try:
            cluster.start()
            for number, rate in enumerate(rates):
                place = Path(folder) / str(number)
                place.mkdir()
                print(asyncio.run(Round(place, cluster, rate).run(away)).line, flush=True)
        finally:
            cluster.stop(0)


def main() -> int:
    """Read the arguments, measure, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, action="append", help="webhooks a second; may be repeated (100 and 200)")
    parser.add_argument("--away", type=float, default=30.0, help="seconds that Kafka stands still")
    options = parser.parse_args()
    try:
        measure(options.rate or [100.0, 200.0], options.away)
    except KafkaMissingError as reason:
        print(reason, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
