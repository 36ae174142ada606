"""Senders from outside at a site of several workers on a real Kafka, and what the log holds in the end."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import orjson

from tests.support.front import HOOKLINE, Desk, clean_environment
from tests.support.workers import Workers, post, write_config

ONE_ANSWER = aiohttp.ClientTimeout(total=10)


@dataclass
class Books:
    """What a sender saw."""

    acknowledged: set[str] = field(default_factory=set[str])
    others: list[str] = field(default_factory=list[str])
    refused: int = 0

    async def send(self, site: Workers, message: str) -> None:
        """Send one webhook over a connection of its own, as a stranger does."""
        connector = aiohttp.TCPConnector(force_close=True)
        try:
            async with aiohttp.ClientSession(connector=connector, timeout=ONE_ANSWER) as session:
                status = await post(session, site, message)
        except aiohttp.ClientConnectorError:
            self.refused += 1
        except aiohttp.ClientError as error:
            # Its worker died with the request in hand: the sender sends again.
            self.others.append(type(error).__name__)
        else:
            if status == 200:
                self.acknowledged.add(message)
            else:
                self.others.append(str(status))

    async def send_all(self, site: Workers, name: str, count: int) -> None:
        """Send so many at the same time, named `name-0` and so on."""
        await asyncio.gather(*(self.send(site, f"{name}-{number}") for number in range(count)))


async def made_topics(folder: Path, servers: str) -> tuple[str, ...]:
    """Make topics of this test alone; return the lines of `[broker]` for them."""
    lines = (
        f'url = "kafka://{servers}"',
        f'topic_prefix = "w{uuid.uuid4().hex[:8]}-"',
        "[broker.kafka]",
        "replication_factor = 1",
        "min_insync_replicas = 1",
    )
    write_config(Desk(folder), lines)
    await command(folder, "topics", "apply")
    return lines


async def stored(site: Workers) -> set[str]:
    """Return the messages whose events are in the log."""
    asked: Sequence[str] = ("tail", "--topic", "messaging.inbound.v1", "--from", "earliest", "--no-follow")
    printed = await command(site.desk.folder, *asked)
    return {orjson.loads(line)["value"]["message_id"] for line in printed.splitlines()}


async def command(folder: Path, *arguments: str) -> bytes:
    """Run a command to its end, return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *HOOKLINE, *arguments, cwd=folder, env=clean_environment(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 0, err.decode()
    return out
