"""The group commit: what comes together is done together, and one failure is everybody's of its batch alone."""

import asyncio
from collections.abc import Sequence

import pytest

from consumers.state import batching
from consumers.state.batching import Batcher
from consumers.state.database import StateError
from tests.support.consumers import until


class Work:
    """Notes its batches; waits for `open` before each, and fails for items that are bad."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        """Double each."""
        self.batches.append(list(items))
        await self.open.wait()
        if any(item < 0 for item in items):
            raise StateError("bad")
        return [2 * item for item in items]


async def test_what_comes_together_is_one_batch() -> None:
    """Each gets its own result."""
    work = Work()
    batcher = Batcher(work)
    assert await asyncio.gather(*(batcher.do(number) for number in range(5))) == [0, 2, 4, 6, 8]
    assert work.batches == [[0, 1, 2, 3, 4]]


async def test_what_comes_while_a_batch_is_under_way_is_the_next_one() -> None:
    """There is never more than one at a time, and none is larger than the most."""
    work = Work()
    work.open.clear()
    batcher = Batcher(work, most=3, linger=0)
    first = asyncio.create_task(batcher.do(0))
    await until(lambda: work.batches)
    rest = [asyncio.create_task(batcher.do(number)) for number in range(1, 6)]
    await asyncio.sleep(0)
    work.open.set()
    assert await asyncio.gather(first, *rest) == [0, 2, 4, 6, 8, 10]
    assert work.batches == [[0], [1, 2, 3], [4, 5]]


async def test_a_full_batch_does_not_linger() -> None:
    """Company is waited for only where there is room for it."""
    batcher = Batcher(Work(), most=2, linger=3600)
    async with asyncio.timeout(5):
        assert list(await asyncio.gather(batcher.do(1), batcher.do(2))) == [2, 4]


async def test_a_failure_is_of_its_batch_and_the_next_ones_begin_small() -> None:
    """One that can never be done does not take hundreds down again and again."""
    work = Work()
    batcher = Batcher(work)
    results = await asyncio.gather(*(batcher.do(number) for number in (1, -1, 2)), return_exceptions=True)
    assert [type(one) for one in results] == [StateError] * 3
    assert await asyncio.gather(*(batcher.do(number) for number in range(1, 8))) == [2 * n for n in range(1, 8)]
    assert [len(batch) for batch in work.batches] == [3, 1, 2, 4]


async def test_who_is_cancelled_before_the_batch_begins_is_not_in_it() -> None:
    """The others of the batch do not notice."""
    work = Work()
    batcher = Batcher(work)
    tasks = [asyncio.create_task(batcher.do(number)) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    assert list(await asyncio.gather(tasks[0], tasks[2])) == [0, 4]
    assert work.batches == [[0, 2]]


async def test_closing_cancels_what_is_under_way() -> None:
    """Nobody waits for ever, and the batcher can be used again."""
    work = Work()
    work.open.clear()
    batcher = Batcher(work, most=1)
    tasks = [asyncio.create_task(batcher.do(number)) for number in range(2)]
    await until(lambda: work.batches)
    await batcher.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in results] == [asyncio.CancelledError] * 2
    work.open.set()
    assert await batcher.do(4) == 8


async def test_too_many_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue has a bound."""
    monkeypatch.setattr(batching, "WAITING_MOST", 1)
    batcher = Batcher(Work(), linger=3600)
    waiting = asyncio.create_task(batcher.do(1))
    await asyncio.sleep(0)
    with pytest.raises(StateError):
        await batcher.do(2)
    await batcher.close()
    await asyncio.gather(waiting, return_exceptions=True)
