"""The demo's end waits for what is on its way, and not for ever."""

import asyncio
from pathlib import Path

import pytest

from broker.embedded import EmbeddedLog
from broker.log import Partition
from consumers.catalogue import CONSUMERS
from hookline.demo import settle as settling
from hookline.demo.settle import caught_up, settle
from schemas.envelope import event_to_record
from schemas.events import MessageReceived
from schemas.times import from_millis
from tests.support.embedded import opened

ASKED = event_to_record(
    MessageReceived(id="e1", provider="telnyx", account="main", received_at=from_millis(1), to="+17735550100")
)


def yes() -> bool:
    """Say so."""
    return True


def no() -> bool:
    """Say not."""
    return False


async def consumed(log: EmbeddedLog, group: str) -> None:
    """Let a group read the one record of the inbound topic and commit it."""
    subscription = await log.subscribe(group, [ASKED.topic])
    try:
        async with asyncio.timeout(10):
            while not (records := await subscription.poll(10, 0.5)):
                pass
        await subscription.commit({Partition(one.topic, one.partition): one.offset + 1 for one in records})
    finally:
        await subscription.close()


async def test_nothing_in_the_log_is_nothing_to_wait_for(tmp_path: Path) -> None:
    """A run that sent nothing has no topics."""
    async with opened(tmp_path / "log.db") as log:
        assert await caught_up(log)
        assert await settle(yes, no, log, asyncio.Event())


async def test_a_consumer_that_is_behind_is_waited_for(tmp_path: Path) -> None:
    """Until each that reads the topic has committed its end."""
    readers = [one.name for one in CONSUMERS if ASKED.topic in {topic.name for topic in one.topics}]
    assert len(readers) > 1
    async with opened(tmp_path / "log.db") as log:
        await log.append([ASKED], 10.0)
        for name in readers:
            assert not await caught_up(log)
            await consumed(log, name)
        assert await caught_up(log)


@pytest.mark.parametrize("ending", ["hurry", "broken", "patience"])
async def test_the_wait_has_its_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """A second signal, a broken cloud, or too long a time: not everything came to its end then."""
    monkeypatch.setattr(settling, "PATIENCE", 0.05 if ending == "patience" else 30.0)
    hurry = asyncio.Event()
    if ending == "hurry":
        hurry.set()
    async with opened(tmp_path / "log.db") as log:
        assert not await settle(no, yes if ending == "broken" else no, log, hurry)
