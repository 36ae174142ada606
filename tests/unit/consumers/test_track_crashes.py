"""Track: however a crash and another member fall between table and topic, in the end both say the same."""

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from consumers.metrics import ConsumerMetrics
from consumers.state.database import Database
from consumers.track.consumer import Tracker
from consumers.track.settings import TrackSettings
from schemas.events import Event
from tests.support.consumed_log import MemoryLog
from tests.support.tracking import news, rows_in, rows_on, sighted

OPERATIONS = 3
"""Note, append, look again: what one event costs where nobody else is there."""


class CrashError(BaseException):
    """The process ends here."""


class Stage:
    """Lets members take turns as the order says, one operation at a time; who is gone is passed over."""

    def __init__(self, order: Sequence[str] = ()) -> None:
        self._order = deque(order)
        self._gone = set[str]()
        self._changed = asyncio.Condition()

    async def turn(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do the work when it is that member's turn."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._is_next(name))
            if self._order:
                self._order.popleft()
            done = await work()
            self._changed.notify_all()
            return done

    async def leave(self, name: str) -> None:
        """Pass a member over from now on."""
        async with self._changed:
            self._gone.add(name)
            self._changed.notify_all()

    def _is_next(self, name: str) -> bool:
        while self._order and self._order[0] in self._gone:
            self._order.popleft()
        return not self._order or self._order[0] == name


class Member:
    """A tracker of its own, whose operations take turns and which dies after so many of them."""

    def __init__(self, name: str, stage: Stage, database: Database, log: MemoryLog, *, dies_after: int = 0) -> None:
        self.name, self.stage, self.left = name, stage, dies_after or -1
        staged = _StagedDatabase(self, database), _StagedLog(self, log)
        metrics = ConsumerMetrics(CollectorRegistry())
        self.tracker = Tracker(TrackSettings(), *staged, metrics)  # type: ignore[arg-type]

    async def operation(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do the work in turn; die after it where that is to be."""
        done = await self.stage.turn(self.name, work)
        self.left -= 1
        if self.left == 0:
            raise CrashError
        return done

    async def live(self, event: Event) -> bool:
        """Handle an event; False where this died of it."""
        sighting = sighted(event)
        assert sighting is not None
        try:
            await self.tracker.take([sighting])
        except CrashError:
            return False
        finally:
            await self.stage.leave(self.name)
        return True


class _StagedDatabase:
    def __init__(self, member: Member, database: Database) -> None:
        self._member, self._database = member, database

    async def run(self, work: Any) -> Any:
        return await self._member.operation(lambda: self._database.run(work))


class _StagedLog:
    def __init__(self, member: Member, log: MemoryLog) -> None:
        self._member, self._log = member, log

    async def append(self, records: Any, wait: float) -> Any:
        return await self._member.operation(lambda: self._log.append(records, wait))


async def agree(database: Database, log: MemoryLog, status: str) -> None:
    """Hold table and topic to one state."""
    rows = await rows_in(database)
    assert [row.standing.status for row in rows.values()] == [status]
    assert rows_on(log) == rows


@pytest.fixture
async def state(tmp_path: Path) -> Any:
    """Give an open state in a file."""
    made = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await made.open()
    yield made
    await made.close()


@pytest.mark.parametrize("died_after", range(1, OPERATIONS + 1))
async def test_a_crash_after_any_operation_leaves_no_gap(died_after: int, state: Database) -> None:
    """The event was not done, so it comes again and mends what is left."""
    log = MemoryLog()
    assert not await Member("a", Stage(), state, log, dies_after=died_after).live(news("sent"))
    assert await Member("b", Stage(), state, log).live(news("sent"))
    await agree(state, log, "sent")


async def test_an_event_has_no_more_operations_than_the_tests_here_cut(state: Database) -> None:
    """Or one of them would go uncut."""
    assert await Member("a", Stage(), state, MemoryLog(), dies_after=OPERATIONS + 1).live(news("sent"))


ORDERS = sorted({"".join(order) for order in itertools.permutations("aaabbb")})


@pytest.mark.parametrize("order", ORDERS)
async def test_two_members_in_any_order_and_a_crash_between(order: str, tmp_path: Path) -> None:
    """The one with the older news dies after each of its operations, or not at all; what it left comes again."""
    for died_after, swapped in itertools.product(range(OPERATIONS + 1), (False, True)):
        database = Database(f"sqlite:///{tmp_path / f'{died_after}-{swapped}.db'}")
        await database.open()
        log, stage = MemoryLog(), Stage(order)
        mine, theirs = (news("read", 2), news("sent", 1)) if swapped else (news("sent", 1), news("read", 2))
        first = Member("a", stage, database, log, dies_after=died_after)
        second = Member("b", stage, database, log)
        lived, _ = await asyncio.gather(first.live(mine), second.live(theirs))
        if not lived:
            await Member("c", Stage(), database, log).live(mine)
        await agree(database, log, "read")
        await database.close()
