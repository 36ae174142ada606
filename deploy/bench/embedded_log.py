"""Print how many appends a second the embedded log makes durable, for some numbers of concurrent writers.

Run as `python deploy/bench/embedded_log.py [SECONDS]`. Each append is one record of 1.5 kB; then a webhook as ingest
stores it: the raw record and two events in one append. The file lies in a temporary folder: TMPDIR names the disk.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).parents[2]))

from broker.embedded import EmbeddedLog
from broker.settings import BrokerSettings
from schemas.records import Record

_HEADERS = tuple((f"ce_header{n}", b"a value of some length") for n in range(12))
_BODY = bytes(range(256)) * 5 + b"x" * 220


@dataclass(slots=True)
class Tally:
    """What one round has seen: the latency of each append in seconds."""

    latencies: list[float] = field(default_factory=list)

    def quantile(self, part: float) -> float:
        """Return a quantile of the latencies in milliseconds."""
        return sorted(self.latencies)[int(part * (len(self.latencies) - 1))] * 1000


def batch(worker: int, number: int, size: int) -> Sequence[Record]:
    """Return the records of one append."""
    now = int(time.time() * 1000)
    key = b"main|%d-%d" % (worker, number)
    return [Record(f"bench.{topic}", key, _BODY, _HEADERS, now) for topic in range(size)]


async def work(log: EmbeddedLog, worker: int, size: int, until: float, tally: Tally) -> None:
    """Append one batch after the other until the time is over."""
    number = 0
    while (began := time.perf_counter()) < until:
        number += 1
        await log.append(batch(worker, number, size), 30.0)
        tally.latencies.append(time.perf_counter() - began)


async def measure(folder: Path, writers: int, size: int, seconds: float) -> None:
    """Run one round and print its line."""
    url = f"sqlite:///{folder / f'bench-{writers}-{size}.db'}"
    log = EmbeddedLog(BrokerSettings(url=url), ingesting=True, clock=time.time)
    await log.start()
    tally = Tally()
    before, cpu, began = log.transactions, time.process_time(), time.perf_counter()
    until = began + seconds
    await asyncio.gather(*(work(log, worker, size, until, tally) for worker in range(writers)))
    took, count = time.perf_counter() - began, len(tally.latencies)
    cpu_us = (time.process_time() - cpu) / count * 1e6
    grouped = count / max(log.transactions - before, 1)
    print(
        f"{writers:4d} writers, {size} records an append: {count / took:7.0f}/s  p50 {tally.quantile(0.5):6.2f} ms"
        f"  p99 {tally.quantile(0.99):6.2f} ms  {grouped:6.1f} appends a commit  {cpu_us:5.0f} us CPU an append"
    )
    await log.stop()


async def main(seconds: float) -> None:
    """Run all rounds."""
    with tempfile.TemporaryDirectory() as folder:
        for size in (1, 3):
            for writers in (1, 16, 200):
                await measure(Path(folder), writers, size, seconds)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0))
