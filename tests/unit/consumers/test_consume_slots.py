"""Places for handlers: never more than there are, in the order of asking, none lost however waiting ends."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from consumers.loop.slots import Slots


@given(st.integers(1, 3), st.lists(st.booleans(), max_size=12))
def test_no_place_is_lost_and_none_is_given_twice(count: int, cancelled: list[bool]) -> None:
    """Whoever of those that wait is cancelled, the others come in their order, and all places are free at the end."""

    async def run() -> None:
        slots, began, inside = Slots(count), list[int](), 0

        async def hold(number: int) -> None:
            nonlocal inside
            async with slots:
                inside += 1
                assert inside <= count
                began.append(number)
                await asyncio.sleep(0)
                inside -= 1

        tasks = [asyncio.create_task(hold(number)) for number in range(len(cancelled))]
        await asyncio.sleep(0)
        for number, task in enumerate(tasks[count:], count):
            if cancelled[number]:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert began == [number for number, gone in enumerate(cancelled) if number < count or not gone]
        for _ in range(count):
            await asyncio.wait_for(slots.__aenter__(), 1)

    asyncio.run(run())


async def test_a_place_that_comes_with_the_cancelling_goes_to_the_next() -> None:
    """It was handed over before its waiter could take it."""
    slots = Slots(1)
    await slots.__aenter__()
    first, second = (asyncio.create_task(slots.__aenter__()) for _ in range(2))
    await asyncio.sleep(0)
    await slots.__aexit__(None, None, None)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    async with asyncio.timeout(1):
        await second
    assert first.cancelled()
