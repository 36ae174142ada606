"""The real receiver as a process: its configuration, its start, its ways to end, and what it uses meanwhile."""

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy.faults.damage import Reported, reported
from deploy.faults.traffic import Sender
from deploy.faults.wire import Wire, get

HOOKLINE = str(Path(sys.executable).parent / "hookline")
DRAIN_LISTEN, DRAIN_FINISH = 1.0, 5.0
SPOOL_BYTES = 256 << 20
START_SECONDS = 20.0
_CONFIG = """\
[server]
listen = "127.0.0.1:{listen}"
admin = "127.0.0.1:{admin}"
drain_listen = {drain_listen}
drain_finish = {drain_finish}

[logging]
format = "json"
level = "warning"

[broker]
url = "kafka://{servers}"

[broker.kafka]
replication_factor = {copies}
min_insync_replicas = {in_sync}

[spool]
dir = "{spool}"
max_bytes = {spool_bytes}

{accounts}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a receiver is configured with."""

    servers: str
    nodes: int
    listen: int
    admin: int
    spool: Path
    spool_bytes: int = SPOOL_BYTES


@dataclass(slots=True)
class Usage:
    """The most that was seen, in bytes."""

    memory: int = 0
    spool: int = 0
    records: int = 0

    def include(self, other: "Usage") -> None:
        """Keep the larger of each."""
        self.memory = max(self.memory, other.memory)
        self.spool = max(self.spool, other.spool)
        self.records = max(self.records, other.records)


def write_config(path: Path, setup: Setup, senders: Sequence[Sender]) -> None:
    """Write the configuration, with keys beside it."""
    keys = path.parent / "keys"
    keys.mkdir(exist_ok=True)
    tables: list[str] = []
    for sender in senders:
        for name, value in sender.cloud.environment().items():
            (keys / name).write_text(value)
        lines = sender.cloud.account_lines("http://127.0.0.1:9", lambda name: f"file:keys/{name}")
        # Nobody serves the cloud's API here: webhooks alone are what this bench is about.
        lines = [line for line in lines if not line.startswith(("polls", "poll_every"))]
        tables.append("\n".join([f"[accounts.{sender.account}]", *lines]))
    text = _CONFIG.format(
        listen=setup.listen,
        admin=setup.admin,
        servers=setup.servers,
        copies=setup.nodes,
        in_sync=2 if setup.nodes == 3 else 1,
        drain_listen=DRAIN_LISTEN,
        drain_finish=DRAIN_FINISH,
        spool=setup.spool,
        spool_bytes=setup.spool_bytes,
        accounts="\n\n".join(tables),
    )
    path.write_text(text)


@dataclass(slots=True)
class Receiver:
    """One `hookline ingest`. It may be started again and again; its log grows in one file."""

    config: Path
    setup: Setup
    senders: Sequence[Sender]
    process: "subprocess.Popen[bytes] | None" = None
    usage: Usage = field(default_factory=Usage)

    @property
    def log(self) -> Path:
        """What it writes on stderr."""
        return self.config.with_suffix(".log")

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    async def start(self, **changes: object) -> None:
        """Start it with these changes to its setup and wait until it listens. Raises RuntimeError."""
        self.setup = replace(self.setup, **changes)  # type: ignore[arg-type]  # the names are those of Setup
        write_config(self.config, self.setup, self.senders)
        self.process = await asyncio.to_thread(self._launch)
        end = time.monotonic() + START_SECONDS
        while not await self._listens():
            if not self.running or time.monotonic() > end:
                raise RuntimeError(f"the receiver does not listen: see {self.log}")
            await asyncio.sleep(0.05)

    def _launch(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as output:
            # A session of its own: Ctrl-C reaches the bench alone, which ends it in order.
            return subprocess.Popen(
                [HOOKLINE, "ingest", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=self.config.parent,
            )

    async def kill(self) -> None:
        """End it as the kernel would: no last word."""
        if self.process is not None:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)

    async def terminate(self, patience: float = 30.0) -> float:
        """Ask it to end; return the seconds that took, the whole patience where it had to be killed."""
        process = self.process
        if process is None:
            return 0.0
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(process.wait, patience)
        except subprocess.TimeoutExpired:
            await self.kill()
        return time.monotonic() - began

    async def restart(self, **changes: object) -> None:
        """End it in order and start it with changes to its setup."""
        await self.terminate()
        await self.start(**changes)

    async def spool_records(self) -> int:
        """Return how many records wait in its spool; -1 where it does not say."""
        answer = await get(self.setup.admin, "/metrics")
        return -1 if answer is None else summed(answer.body.decode(), "hookline_spool_records")

    async def ready(self) -> bool:
        """Tell whether it says that it is ready."""
        answer = await get(self.setup.admin, "/readyz")
        return answer is not None and answer.status == 200

    async def sample(self) -> None:
        """Note what it uses now."""
        if self.process is None or not self.running:
            return
        seen = Usage(resident(self.process.pid), await asyncio.to_thread(folder_bytes, self.setup.spool))
        seen.records = await self.spool_records()
        self.usage.include(seen)

    def damage_reported(self) -> Sequence[Reported]:
        """Return what its log tells of damage in the spool. Blocks."""
        return reported(self.log.read_text(errors="replace")) if self.log.exists() else ()

    async def _listens(self) -> bool:
        try:
            (await Wire.connect(self.setup.listen)).close()
        except OSError:
            return False
        return True


def summed(metrics: str, name: str) -> int:
    """Return the sum of a metric's samples, 0 where there is none."""
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", metrics, re.MULTILINE)
    return round(sum(map(float, found)))


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds, 0 where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files in a folder; what goes away meanwhile counts nothing. Blocks."""
    total = 0
    for path in folder.rglob("*") if folder.exists() else ():
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total
