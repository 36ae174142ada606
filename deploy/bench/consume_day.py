"""Print how fast a consumer catches up with a day's traffic, and how much memory that takes.

Run as `python deploy/bench/consume_day.py [--events 1000000] [--consumer track --consumer confirm]`. It fills the topic
of delivery updates of a real Kafka with three events for each message, a day's worth, starts `hookline consume NAME`
on an empty state, and watches it until every event is done. MessageMedia's API, for confirm, is simulated here; with
`--trouble` it is not well, so that every event is put off, and the memory is that of events that wait. All of it shares
this machine's cores. Needs Java and, once, a network for Kafka's jars.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from aiohttp import web

from broker.kafka import KafkaLog
from broker.log import LogUnavailableError
from broker.settings import BrokerSettings, KafkaSettings
from deploy.faults.receiver import HOOKLINE, summed
from deploy.faults.wire import get
from deploy.kafka.cluster import KafkaCluster, free_ports
from deploy.kafka.jars import KafkaMissingError
from schemas.envelope import event_to_record
from schemas.events import DeliveryUpdated
from schemas.records import Record
from schemas.topics import DELIVERY
from schemas.vocabulary import DeliveryStatus

EVENTS = 1_000_000
_DAY = timedelta(days=1)
_STATUSES = (DeliveryStatus.QUEUED, DeliveryStatus.SENT, DeliveryStatus.DELIVERED)
_CHUNK = 4_000
_APPEND_WAIT = 60.0
_START_SECONDS = 60.0
_REST = 5.0
_LOOK_EVERY = 1.0
_STALLED_AFTER = 120.0
_IN_TROUBLE = 60.0
"""Seconds for which events that were put off are watched on."""

_MIB = 1 << 20
_CONFIG = """\
[server]
admin = "127.0.0.1:{admin}"

[logging]
format = "json"
level = "warning"

[broker]
url = "kafka://{servers}"

[broker.kafka]
replication_factor = 1
min_insync_replicas = 1

[consumers]
state = "sqlite:///state-{name}.db"

[accounts.main]
provider = "messagemedia"
api_key = "file:secret"
api_secret = "file:secret"
base_url = "http://127.0.0.1:{api}"
confirm = true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One consumer's way through the day. `memory` is the most that its process held, in bytes; so is `first` early.

    `cpu` is the seconds that its process was at work, its start left out.
    """

    name: str
    events: int
    seconds: float
    cpu: float
    first: int
    memory: int
    state: int

    @property
    def line(self) -> str:
        """The figures in words."""
        return (
            f"{self.name}: {self.events:,} events in {self.seconds:.0f} s, {self.events / self.seconds:,.0f} a second; "
            f"{self.cpu / self.events * 1e6:,.0f} µs of CPU each; "
            f"memory {self.first // _MIB} MiB after a tenth, {self.memory // _MIB} MiB at most; "
            f"state {self.state // _MIB} MiB"
        )


def records(count: int) -> Iterator[Record]:
    """Yield the records of a day that ends now: three statuses a message, messages side by side."""
    start = datetime.now(UTC) - _DAY
    for number in range(count):
        message, step = number // 3, number % 3
        moment = start + _DAY * (number / count)
        event = DeliveryUpdated(
            id=f"{number:032x}",
            provider="messagemedia",
            account="main",
            message_id=f"message-{message}",
            provider_event_id=f"report-{number}",
            occurred_at=moment,
            received_at=moment,
            status=_STATUSES[step],
            to=f"+1555{message % 10_000_000:07d}",
        )
        yield event_to_record(event)


async def fill(servers: str, count: int) -> None:
    """Append the day to the topic."""
    settings = BrokerSettings(url=f"kafka://{servers}", kafka=KafkaSettings(replication_factor=1))
    log = KafkaLog(settings, [DELIVERY.name])
    await log.start()
    try:
        await log.settled(_START_SECONDS)
        chunk: list[Record] = []
        for record in records(count):
            chunk.append(record)
            if len(chunk) == _CHUNK:
                await _append(log, chunk)
                chunk.clear()
        if chunk:
            await _append(log, chunk)
    finally:
        await log.stop()


async def _append(log: KafkaLog, chunk: Sequence[Record]) -> None:
    """Append a chunk, a second time where a machine with few cores kept the broker from answering.

    What the first time stored all the same is there twice then, as after any crash of a producer.
    """
    try:
        await log.append_many(chunk, _APPEND_WAIT)
    except LogUnavailableError:
        await asyncio.sleep(_REST)
        await log.settled(_START_SECONDS)
        await log.append_many(chunk, _APPEND_WAIT)


@asynccontextmanager
async def confirming_api(port: int, status: int) -> AsyncGenerator[None]:
    """Serve as much of MessageMedia's API as takes confirmations, or fails to."""

    async def taken(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({}, status=status)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", taken)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


class Day:
    """One consumer on the filled topic."""

    def __init__(self, folder: Path, servers: str, name: str, api: int) -> None:
        self._folder, self._name, self.calls = folder, name, 0
        (self._admin,) = free_ports(1)
        self._config = folder / f"{name}.toml"
        self._config.write_text(_CONFIG.format(admin=self._admin, servers=servers, name=name, api=api))

    async def run(self, count: int, longer: float) -> Measured:
        """Consume the day, and go on for `longer` seconds. Raises RuntimeError where the consumer stands still."""
        with (self._folder / f"{self._name}.log").open("wb") as output:
            process = await asyncio.to_thread(self._launch, output)
            try:
                return await self._watch(process, count, longer)
            finally:
                process.terminate()
                await asyncio.to_thread(process.wait, 30)

    def _launch(self, output: object) -> "subprocess.Popen[bytes]":
        command = [HOOKLINE, "consume", self._name, "--config", str(self._config)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self._folder)  # type: ignore[call-overload,no-any-return] # a file

    async def _watch(self, process: "subprocess.Popen[bytes]", count: int, longer: float) -> Measured:
        began: float | None = None
        first = done = 0
        cpu = 0.0
        moved = time.monotonic()
        while done < count:
            if process.poll() is not None or time.monotonic() - moved > _STALLED_AFTER:
                raise RuntimeError(f"{self._name} stands still at {done:,} events: see {self._folder}")
            await asyncio.sleep(_LOOK_EVERY)
            now = await self._handled()
            cpu = cpu or (0.0 if now is None else _cpu(process.pid))
            if now is not None and now > done:
                began, moved, done = began or time.monotonic() - _LOOK_EVERY, time.monotonic(), now
                first = first or (_memory(process.pid) if done * 10 >= count else 0)
        state = sum(file.stat().st_size for file in self._folder.glob(f"state-{self._name}.db*"))
        if self._name == "confirm" and not self.calls:
            raise RuntimeError(f"nothing was confirmed, nor tried: see {self._folder}")
        seconds, cpu = time.monotonic() - (began or moved), _cpu(process.pid) - cpu
        await asyncio.sleep(longer)
        return Measured(
            name=self._name,
            events=count,
            seconds=seconds,
            cpu=cpu,
            first=first,
            memory=_memory(process.pid),
            state=state,
        )

    async def _handled(self) -> int | None:
        """Return how many events are done; None where the process does not say."""
        answer = await get(self._admin, "/metrics", wait=10)
        if answer is not None and self._name == "confirm":
            # An account that cannot confirm would be the fastest of all.
            self.calls = summed(answer.body.decode(), "hookline_consumer_confirmations_total")
        return None if answer is None else summed(answer.body.decode(), "hookline_consumer_records_total")


def _memory(pid: int) -> int:
    """Return the most memory that a process has held so far, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _cpu(pid: int) -> float:
    """Return the seconds for which a process has been at work so far, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(folder: Path, servers: str, names: Sequence[str], count: int, *, trouble: bool) -> None:
    """Fill the topic, then let each consumer go through it and print its line."""
    (api,) = free_ports(1)
    (folder / "secret").write_text("no-secret-at-all")
    days = [Day(folder, servers, name, api) for name in names]
    apply = [HOOKLINE, "topics", "apply", "--config", str(folder / f"{names[0]}.toml")]
    await asyncio.to_thread(subprocess.run, apply, check=True, stdout=subprocess.DEVNULL, timeout=90)
    began = time.monotonic()
    await fill(servers, count)
    print(f"filled: {count:,} events in {time.monotonic() - began:.0f} s", flush=True)
    async with confirming_api(api, 503 if trouble else 202):
        for day in days:
            print((await day.run(count, _IN_TROUBLE if trouble else 0.0)).line, flush=True)


def main() -> int:
    """Read the arguments, measure, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help=f"how many (default: {EVENTS})")
    parser.add_argument("--consumer", action="append", choices=["track", "confirm"], help="may be repeated (both)")
    parser.add_argument("--trouble", action="store_true", help="confirm alone, at a provider that is not well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hookline-bench-") as folder:
        cluster = KafkaCluster(Path(folder) / "kafka")
        try:
            cluster.start()
            names = ["confirm"] if options.trouble else options.consumer or ["track", "confirm"]
            work = measure(Path(folder), cluster.bootstrap, names, options.events, trouble=options.trouble)
            asyncio.run(work)
        except KafkaMissingError as reason:
            print(reason, file=sys.stderr)
            return 2
        finally:
            cluster.stop(0)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
