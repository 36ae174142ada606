"""`hookline consume crm:crm`: another team's consumer in processes of its own, on both logs."""

import asyncio
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from broker.log import Log
from broker.opening import open_log
from hookline.configuration.config import load_config
from hookline.testing import sample_events
from hookline.topics import wanted_topics
from schemas.envelope import event_to_record
from schemas.events import MessageReceived
from schemas.topics import PARTITIONS
from tests.support.kafka import bootstrap
from tests.support.site import ANSWER_WITHIN, HOOKLINE, PATIENCE, Process, free_port, until

CRM = """
import asyncio
import os
from pathlib import Path

from hookline import Consumer, Context, MessageReceived

crm = Consumer("crm")


@crm.on(MessageReceived)
async def note(event: MessageReceived, context: Context) -> None:
    if event.text == "slow":
        Path("begun").touch()
        await asyncio.sleep(1)
    if event.text == "broken":
        raise RuntimeError("it is broken")
    with open("noted", "a", encoding="utf-8") as file:
        file.write(f"{os.getpid()} {context.id}\\n")
"""


@dataclass
class Team:
    """A folder of another team: its module, its configuration, the processes that run from it."""

    folder: Path
    url: str
    prefix: str = ""
    processes: list[Process] = field(default_factory=list[Process])

    def write(self, name: str, admin: int = 0) -> Path:
        """Write a configuration that has no account and no credential."""
        path = self.folder / name
        lines = [
            *("[server]", f'admin = "127.0.0.1:{admin}"'),
            *("[broker]", f'url = "{self.url}"', f'topic_prefix = "{self.prefix}"'),
            *("[broker.kafka]", "replication_factor = 1", "min_insync_replicas = 1"),
            *("[broker.embedded]", "session_timeout = 2.0"),
            *("[consumers]", "attempts = 2"),
        ]
        path.write_text("\n".join((*lines, "")), encoding="utf-8")
        return path

    async def start(self, *names: str) -> Process:
        """Start `hookline consume NAMES` in the folder and wait until it is ready."""
        admin = free_port()
        number = len(self.processes)
        config = self.write(f"process-{number}.toml", admin)
        log = self.folder / f"process-{number}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                HOOKLINE, "consume", *names, "--config", str(config),
                cwd=self.folder, stdout=output, stderr=output, stdin=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        started = Process(process, log, f"http://127.0.0.1:{admin}")
        self.processes.append(started)
        await until(started.ready, f"{names} to be ready")
        return started

    async def run(self, *words: str, module: bool = False) -> tuple[int, str, str]:
        """Run a command of ours to its end in the folder; return its status and what it printed."""
        program = (sys.executable, "-m", "hookline") if module else (HOOKLINE,)
        process = await asyncio.create_subprocess_exec(
            *program, *words, "--config", str(self.write("hookline.toml")),
            cwd=self.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
        return process.returncode or 0, out.decode(), err.decode()

    @asynccontextmanager
    async def log(self) -> AsyncIterator[Log]:
        """Give the team's log, to append to."""
        config = await asyncio.to_thread(load_config, self.write("hookline.toml"), {})
        log = open_log(config.broker, ingesting=False)
        await log.start()
        await log.settled(20)
        try:
            yield log
        finally:
            await log.stop()

    async def append(self, events: Sequence[MessageReceived]) -> None:
        """Append events, as the receiver does."""
        async with self.log() as log:
            await log.append([event_to_record(event) for event in events], 10)

    @property
    def noted(self) -> list[tuple[str, str]]:
        """The process and the event of each time that the handler did its work."""
        path = self.folder / "noted"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [(line.split()[0], line.split()[1]) for line in lines]

    async def until_noted(self, count: int) -> None:
        """Wait until so many are noted."""

        async def done() -> bool:
            return len(self.noted) >= count

        await until(done, f"{count} events to be noted")

    async def close(self) -> None:
        """End what still runs."""
        for each in self.processes:
            if each.process.returncode is None:
                await each.end(signal.SIGKILL)


def messages(count: int, text: str = "Hello") -> list[MessageReceived]:
    """Return messages of different people, received now."""
    first = sample_events().one(MessageReceived, "telnyx")
    received = first.received_at.fromtimestamp(int(time.time()), first.received_at.tzinfo)
    return [
        replace(
            first,
            id=uuid.uuid4().hex,
            message_id=uuid.uuid4().hex,
            from_=f"+131255501{number:02d}",
            text=text,
            received_at=received,
        )
        for number in range(count)
    ]


async def page(process: Process, path: str) -> str:
    """Return a page of the admin address."""
    async with aiohttp.ClientSession(timeout=ANSWER_WITHIN) as session, session.get(process.admin + path) as answer:
        return await answer.text()


async def state_of(process: Process, consumer: str) -> dict[str, Any]:
    """Return what `/healthz` says of a consumer."""
    found: dict[str, Any] = orjson.loads(await page(process, "/healthz"))["consumers"][consumer]
    return found


@asynccontextmanager
async def team_on(folder: Path, url: str, prefix: str = "") -> AsyncIterator[Team]:
    """Give a team's folder, with the topics of the catalogue made."""
    made = Team(folder, url, prefix)
    (folder / "crm.py").write_text(CRM, encoding="utf-8")
    async with made.log() as log:
        await log.apply_topics(await log.plan_topics(wanted_topics()))
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Team]:
    """Give a team on the embedded log."""
    async with team_on(tmp_path, "sqlite:///log.db") as made:
        yield made


@pytest.fixture
async def kafka(tmp_path: Path) -> AsyncIterator[Team]:
    """Give a team on a real Kafka."""
    url = f"kafka://{await asyncio.to_thread(bootstrap)}"
    async with team_on(tmp_path, url, f"kit-{uuid.uuid4().hex[:8]}-") as made:
        yield made


async def test_events_reach_the_handler_and_are_done_once(embedded: Team) -> None:
    """Without an account; a process that comes later goes on where the first one ended."""
    events = messages(5)
    await embedded.append(events[:3])
    first = await embedded.start("crm:crm")
    await embedded.until_noted(3)
    assert await first.end() == 0
    await embedded.append(events[3:])
    await embedded.start("crm:crm")
    await embedded.until_noted(5)
    assert sorted(event for _, event in embedded.noted) == sorted(event.id for event in events)


async def test_its_health_and_figures_are_there_under_its_name(embedded: Team) -> None:
    """As those of ours beside it."""
    await embedded.append(messages(2))
    process = await embedded.start("crm:crm", "auto-reply")
    await embedded.until_noted(2)
    assert (await state_of(process, "crm"))["running"] is True
    assert (await state_of(process, "auto-reply"))["running"] is True
    assert 'hookline_consumer_up{consumer="crm"} 1.0' in await page(process, "/metrics")

    async def counted() -> bool:
        return 'records_total{consumer="crm",outcome="handled"} 2.0' in await page(process, "/metrics")

    await until(counted, "two events to be counted")


async def test_sigterm_lets_the_handler_finish(embedded: Team) -> None:
    """What is in hand is done, and not done again."""
    event = messages(1, "slow")
    await embedded.append(event)
    process = await embedded.start("crm:crm")

    async def begun() -> bool:
        return (embedded.folder / "begun").exists()

    await until(begun, "the handler to begin")
    assert await process.end() == 0
    assert [noted for _, noted in embedded.noted] == [event[0].id]
    async with embedded.log() as log:
        parts = await log.partitions("messaging.inbound.v1")
        assert sum([await log.committed("crm", part) or 0 for part in parts]) == 1


@pytest.mark.parametrize("module", [False, True])
async def test_what_cannot_be_started_is_told_in_words(embedded: Team, module: bool) -> None:
    """With the status of a wrong call, however Hookline was called; files with our names stand in nobody's way."""
    for name in ("consumers", "schemas", "broker"):
        (embedded.folder / f"{name}.py").write_text("raise RuntimeError('not this one')\n")
    status, _, words = await embedded.run("consume", "cmr:crm", module=module)
    assert (status, "did you mean 'crm'?" in words) == (2, True)
    (embedded.folder / "broken.py").write_text("import no_such_library\n")
    status, _, words = await embedded.run("consume", "broken:crm", module=module)
    assert status == 2
    assert 'broken.py", line 1' in words
    assert "not this one" not in words


@pytest.mark.kafka
async def test_two_processes_share_the_events_on_kafka(kafka: Team) -> None:
    """Each event is handled by one of them; both are at work."""
    processes = [await kafka.start("crm:crm") for _ in range(2)]

    async def both_have_partitions() -> bool:
        return all([(await state_of(each, "crm"))["partitions"] for each in processes])

    await until(both_have_partitions, "both members to have partitions")
    events = messages(60)
    await kafka.append(events)
    await kafka.until_noted(60)
    assert sorted(event for _, event in kafka.noted) == sorted(event.id for event in events)
    assert {pid for pid, _ in kafka.noted} == {str(each.process.pid) for each in processes}
    assert [await each.end() for each in processes] == [0, 0]


@pytest.mark.kafka
async def test_its_topics_are_made_on_kafka_when_it_starts(kafka: Team) -> None:
    """With the partitions of the topic that it reads. What it cannot handle now is kept there."""
    await kafka.start("crm:crm")
    await kafka.append(messages(1, "broken"))
    async with kafka.log() as log:
        retry, letters = [await log.partitions(f"messaging.inbound.v1.crm.{kind}") for kind in ("retry", "dlq")]
        assert (len(retry), len(letters)) == (PARTITIONS, PARTITIONS)

        async def kept() -> bool:
            return sum([(await log.bounds(part)).end for part in retry]) == 1

        await until(kept, "the event to be kept for later")


async def test_its_topics_can_be_made_by_hand(embedded: Team) -> None:
    """By somebody with more rights than the consumer has."""
    _, before, _ = await embedded.run("topics", "plan", "--consumer", "crm:crm")
    assert "create    messaging.inbound.v1.crm.retry" in before
    assert "topics apply --consumer crm:crm --config " in before
    assert "hookline.toml` does it" in before
    _, done, _ = await embedded.run("topics", "apply", "--consumer", "crm:crm")
    assert "created   messaging.inbound.v1.crm.dlq" in done
    _, after, _ = await embedded.run("topics", "plan", "--consumer", "crm:crm")
    assert "create" not in after
