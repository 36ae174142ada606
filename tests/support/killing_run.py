"""A whole run of kills: a Kafka that takes short sessions, people who ask, a killer, and the books at the end."""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom

from broker.kafka import KafkaLog
from broker.settings import BrokerSettings
from consumers.state.database import Database
from tests.support.answering import answering_site
from tests.support.killing import Killer, People, claims_hit, settled, summary, wrongs

SHORT_SESSIONS = {"group.min.session.timeout.ms": "1000"}
"""What the broker has to allow."""

KILLS = int(os.environ.get("HOOKLINE_TEST_KILLS", "4"))
"""How many; `make kills` wants 25, which take minutes."""

IN_FULL = KILLS > 4
SESSION = 2.0
"""Seconds after which a dead member's partitions are given away."""

PATIENCE = 150.0
"""Seconds for what is in doubt in the end: Syniverse is asked only when its list must have it, after a minute."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How often to kill, how many processes are side by side, and how many people ask a second."""

    kills: int
    members: int
    rate: float


def broker_lines(servers: str, prefix: str) -> tuple[str, ...]:
    """Return the tables of the log."""
    return (
        "[broker]",
        f'url = "kafka://{servers}"',
        f'topic_prefix = "{prefix}"',
        "[broker.kafka]",
        "replication_factor = 1",
        "min_insync_replicas = 1",
        f"session_timeout = {SESSION}",
    )


@asynccontextmanager
async def opened(servers: str, prefix: str, state: str) -> AsyncIterator[tuple[KafkaLog, Database]]:
    """Give the log and the state in this process."""
    log, database = KafkaLog(BrokerSettings(url=f"kafka://{servers}", topic_prefix=prefix)), Database(state)
    await log.start()
    await database.open()
    try:
        yield log, database
    finally:
        await database.close()
        await log.stop()


async def killed(servers: str, folder: Path, state: str, scale: Scale) -> None:
    """Kill so often, wait for the end of every question, and check each."""
    seed = int(os.environ.get("HOOKLINE_TEST_SEED", "0")) or SystemRandom().randrange(1, 2**32)
    print(f"\nHOOKLINE_TEST_SEED={seed}")  # noqa: T201 - for `pytest -s`
    random, prefix = Random(seed), f"kills-{uuid.uuid4().hex[:8]}-"
    async with (
        answering_site(folder, broker_lines(servers, prefix), state, random) as site,
        opened(servers, prefix, state) as (log, database),
    ):
        people = People(site.desks, await site.receiver(), scale.rate)
        killer = Killer(site, database, random)
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(people.run())
            await killer.start(scale.members)
            await killer.kill(scale.kills - scale.kills // 2)
            # What is in doubt at Syniverse takes a minute, which goes by while there are more kills.
            people.desks = [desk for desk in site.desks if desk.provider != "syniverse"]
            await killer.kill(scale.kills // 2)
            people.stopped.set()
        books = await settled(log, database, people.asked, PATIENCE)
        told = summary(killer.kills, people.asked, site, books, time.monotonic() - began)
        print(told)  # noqa: T201 - for `pytest -s`
        assert not wrongs(site, people.asked, books), told
        assert len(killer.kills) == scale.kills
        assert claims_hit(killer.kills, books), f"no kill met work in hand: {told}"
