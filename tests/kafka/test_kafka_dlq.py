"""Dead letters on a real Kafka: redriven in order, and refused with words where a topic is missing."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from broker.log import Log
from consumers.dead_letters.choice import Choice
from consumers.dead_letters.letters import Resolution
from hookline.configuration.config import Config, load_config
from hookline.dead_letters import work
from hookline.dead_letters.work import Order, Wanted
from hookline.errors import CommandError
from schemas.records import Record
from schemas.topics import INBOUND, Topic, dead_letter_topic, retry_topic
from tests.support.dead_letters import DIED_AT, GROUP, letter
from tests.support.front import Desk
from tests.support.kafka import kafka_logs
from tests.support.logs import make_topics, read_all

pytestmark = pytest.mark.kafka
LETTERS, RETRIES = dead_letter_topic(INBOUND, GROUP), retry_topic(INBOUND, GROUP)
EVERY = Wanted(groups=(GROUP,))


@dataclass
class Place:
    """A log, and the configuration that names it."""

    log: Log
    config: Config

    async def topics(self, *topics: Topic) -> None:
        """Make topics."""
        await make_topics(self.log, topics)

    async def put(self, records: Sequence[Record]) -> None:
        """Append letters."""
        await self.log.append(records, 20)

    async def deal(self, wanted: Wanted = EVERY, how: Resolution = Resolution.REDRIVEN) -> int:
        """Do as `hookline dlq` does."""
        plan = await work.planned(self.config, wanted)
        return await work.carry_out(self.config, wanted, plan, Order(how, time.time))

    async def ids(self, topic: Topic) -> list[str | None]:
        """Return the events in a topic."""
        return [record.text_header("ce_id") for record in await read_all(self.log, topic.name)]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Give topics of their own on the session's Kafka."""
    async with kafka_logs() as factory:
        desk = Desk(tmp_path)
        desk.write_sound()
        text = desk.config.read_text().replace(
            'url = "sqlite:///log.db"',
            f'url = "{factory.settings.url}"\ntopic_prefix = "{factory.settings.topic_prefix}"\n'
            "[broker.kafka]\nreplication_factor = 1\nmin_insync_replicas = 1",
        )
        desk.config.write_text(text)
        yield Place(await factory.open(), await asyncio.to_thread(load_config, desk.config, {}))


def recent(count: int) -> list[Record]:
    """Return letters of three people, with the time of now."""
    now = int(time.time() * 1000)
    made = [letter(n, key=f"+1555000000{n % 3}", died_at=DIED_AT + n) for n in range(count)]
    return [Record(one.topic, one.key, one.value, one.headers, now) for one in made]


async def test_letters_are_redriven_once_and_in_the_order_of_their_keys(place: Place) -> None:
    """By batches; the second call finds nothing to do."""
    await place.topics(LETTERS, RETRIES)
    await place.put(recent(250))
    assert await place.deal() == 250
    assert (await work.planned(place.config, EVERY)).counts.total() == 0
    assert Counter(await place.ids(RETRIES)) == Counter({f"event-{n}": 1 for n in range(250)})
    for person in range(3):
        theirs = [f"event-{n}" for n in range(250) if n % 3 == person]
        assert [one for one in await place.ids(RETRIES) if one in set(theirs)] == theirs


async def test_discarded_and_chosen_letters_leave_the_others_open(place: Place) -> None:
    """A marker is about its letter alone, whatever stands between."""
    await place.topics(LETTERS)
    await place.put([*recent(3), replace(letter(9, account="other"), timestamp=int(time.time() * 1000))])
    chosen = Wanted(groups=(GROUP,), choice=Choice(accounts=frozenset({"other"})))
    assert await place.deal(chosen, Resolution.DISCARDED) == 1
    assert (await work.planned(place.config, EVERY)).counts.total() == 3


async def test_without_a_retry_topic_nothing_is_redriven(place: Place) -> None:
    """Topics on Kafka are an operator's; the letters stay open."""
    await place.topics(LETTERS)
    await place.put(recent(1))
    with pytest.raises(CommandError, match=f"no topic {RETRIES.name}.*topics apply"):
        await place.deal()
    assert (await work.planned(place.config, EVERY)).counts.total() == 1
