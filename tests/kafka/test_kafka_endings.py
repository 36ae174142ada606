"""How producers that were given up end: few at a time, and soon; no Kafka is needed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from broker.kafka import endings
from broker.kafka.endings import MOST, Endings
from broker.kafka.line import MAX_BYTES, Line
from tests.support.logs import until


class Lines:
    """Makes lines, and ends them in the place of `end_producer`: each hangs for its grace or until hurried."""

    def __init__(self) -> None:
        self.made: list[Line] = []
        self.hurried: list[Line] = []
        self.ended: list[Line] = []
        self.forced = asyncio.Event()
        self.forced.set()

    def new(self, held: int = 0) -> Line:
        """Return a line with so many bytes in flight."""
        line = Line(None, lambda _: None)
        line.bytes = held
        line.producer = line
        self.made.append(line)
        return line

    async def end(self, line: Line, grace: float) -> None:
        """Hang, and close by force when cancelled."""
        try:
            await asyncio.sleep(grace)
        except asyncio.CancelledError:
            self.hurried.append(line)
            await self.forced.wait()
            raise
        finally:
            self.ended.append(line)


@pytest.fixture
async def lines(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lines]:
    """Put the fake in the place of aiokafka's end."""
    lines = Lines()
    monkeypatch.setattr(endings, "end_producer", lines.end)
    yield lines
    assert len(lines.ended) == len(lines.made)


async def test_one_producer_may_use_its_grace(lines: Lines) -> None:
    """Nobody hurries it, full or not."""
    ending = Endings()
    ending.add(lines.new(MAX_BYTES), 0.01)
    await ending.finish(5)
    assert (len(lines.ended), lines.hurried) == (1, [])


async def test_too_many_make_the_oldest_close_at_once(lines: Lines) -> None:
    """Their number is bounded, and with it their memory."""
    ending = Endings()
    for _ in range(MOST):
        ending.add(lines.new(), 50)
        await asyncio.sleep(0)
    await until(lambda: lines.ended, 5)
    assert lines.hurried == lines.made[: MOST - 1]
    await ending.finish(0)


async def test_too_much_in_flight_makes_the_oldest_close_at_once(lines: Lines) -> None:
    """What they hold counts beside what the producer in use may hold."""
    ending = Endings()
    for held in (MAX_BYTES, 1):
        ending.add(lines.new(held), 50)
        await asyncio.sleep(0)
    await until(lambda: lines.ended, 5)
    assert lines.hurried == lines.made[:1]
    await ending.finish(0)


async def test_no_further_producer_is_made_while_too_many_end(lines: Lines) -> None:
    """Also where closing by force takes its time."""
    ending = Endings()
    lines.forced.clear()
    for _ in range(MOST):
        ending.add(lines.new(), 50)
        await asyncio.sleep(0)
    waiting = asyncio.create_task(ending.wait_for_room())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    lines.forced.set()
    async with asyncio.timeout(5):
        await waiting
    await ending.finish(0)


async def test_the_end_of_all_hurries_them_once(lines: Lines) -> None:
    """After the patience; a second cancel would cut short what closes by force."""
    ending = Endings()
    ending.add(lines.new(), 50)
    await asyncio.sleep(0)
    await asyncio.gather(ending.finish(0.01), ending.finish(0.01))
    assert len(lines.hurried) == 1
