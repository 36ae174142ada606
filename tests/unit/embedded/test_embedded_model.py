"""The embedded log against a model of it that is a list."""

import asyncio
import contextlib
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.embedded import EmbeddedLog
from broker.embedded.subscription import EmbeddedSubscription
from broker.log import Bounds, Partition, TopicSpec
from broker.settings import BrokerSettings
from schemas.records import Record
from tests.support.logs import PATIENCE, record

COUNT = 2
Step = tuple[str, int, int]

steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, COUNT - 1), st.integers(1, 4)),
        st.tuples(st.just("poll"), st.integers(1, 5), st.just(0)),
        st.tuples(st.just("commit"), st.just(0), st.just(0)),
        st.tuples(st.just("seek"), st.integers(0, COUNT - 1), st.integers(0, 8)),
        st.tuples(st.just("rejoin"), st.just(0), st.just(0)),
        st.tuples(st.just("restart"), st.just(0), st.just(0)),
        st.tuples(st.just("look"), st.integers(0, COUNT - 1), st.integers(0, 12)),
    ),
    max_size=25,
)


@dataclass
class Model:
    """What the log should hold, and where the group should be."""

    values: list[list[bytes]] = field(default_factory=lambda: [[] for _ in range(COUNT)])
    positions: list[int] = field(default_factory=lambda: [0] * COUNT)
    committed: list[int | None] = field(default_factory=lambda: [None] * COUNT)

    def rejoin(self) -> None:
        """Start again where the group has committed."""
        self.positions = [offset or 0 for offset in self.committed]


@dataclass
class Machine:
    """Takes each step on the log and on the model, and compares."""

    log: EmbeddedLog
    member: EmbeddedSubscription
    model: Model = field(default_factory=Model)

    async def append(self, number: int, count: int) -> None:
        """Append some records to a partition."""
        mine = self.model.values[number]
        values = [b"%d-%d" % (number, len(mine) + n) for n in range(count)]
        stamped = enumerate(values, len(mine))
        batch = [record("t", value, partition=number, timestamp=1000 * offset) for offset, value in stamped]
        places = await self.log.append(batch, PATIENCE)
        assert [place.offset for place in places] == list(range(len(mine), len(mine) + count))
        mine += values

    async def poll(self, limit: int, _: int) -> None:
        """Poll; what comes must be what is next in its partition, and something must come where there is some."""
        found = await self.member.poll(limit, 0)
        waiting = sum(max(len(v) - p, 0) for v, p in zip(self.model.values, self.model.positions, strict=True))
        assert min(waiting, 1) <= len(found) <= min(limit, waiting)
        for stored in found:
            assert stored.offset == self.model.positions[stored.partition]
            assert stored.value == self.model.values[stored.partition][stored.offset]
            self.model.positions[stored.partition] += 1

    async def commit(self, *_: int) -> None:
        """Commit where the reading stands."""
        await self.member.commit({Partition("t", n): at for n, at in enumerate(self.model.positions)})
        self.model.committed = list(self.model.positions)

    async def seek(self, number: int, offset: int) -> None:
        """Read on from somewhere."""
        offset = min(offset, len(self.model.values[number]))
        self.member.seek(Partition("t", number), offset)
        self.model.positions[number] = offset

    async def rejoin(self, *_: int) -> None:
        """Leave the group and join it again."""
        await self.member.close()
        self.member = await self.log.subscribe("g", ["t"])
        self.model.rejoin()

    async def restart(self, *_: int) -> None:
        """Stop the log and open another on its file."""
        await self.log.stop()
        self.log = await started(self.log.store.path)
        self.member = await self.log.subscribe("g", ["t"])
        self.model.rejoin()

    async def look(self, number: int, offset: int) -> None:
        """Look everything up."""
        partition, mine = Partition("t", number), self.model.values[number]
        assert await self.log.bounds(partition) == Bounds(0, len(mine))
        assert await self.log.committed("g", partition) == self.model.committed[number]
        assert await self.log.offset_at(partition, 1000 * offset) == min(offset, len(mine))
        assert [s.value async for s in self.log.read(partition, offset, offset + 3)] == mine[offset : offset + 3]


async def started(path: Path) -> EmbeddedLog:
    """Return a started log on the file."""
    log = EmbeddedLog(BrokerSettings(url=f"sqlite:///{path}"), ingesting=True, clock=time.time)
    await log.start()
    return log


async def run(path: Path, script: list[Step]) -> None:
    """Take all steps."""
    log = await started(path)
    await log.apply_topics(await log.plan_topics([TopicSpec("t", COUNT)]))
    machine = Machine(log, await log.subscribe("g", ["t"]))
    try:
        for name, first, second in script:
            await getattr(machine, name)(first, second)
        for number in range(COUNT):
            await machine.look(number, 0)
    finally:
        with contextlib.suppress(Exception):
            await machine.log.stop()


@pytest.mark.may_block
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=steps)
def test_any_order_of_steps_agrees_with_the_model(script: list[Step]) -> None:
    """Append, poll, commit, seek, leave, restart and look up, in any order."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder) / "log.db", script))


async def store_and_read(path: Path, sent: list[Record]) -> list[tuple[object, ...]]:
    """Append the records to one partition and return what is read back."""
    log = await started(path)
    try:
        await log.apply_topics(await log.plan_topics([TopicSpec("t", 1)]))
        await log.append(sent, PATIENCE)
        found = [s async for s in log.read(Partition("t", 0), 0, len(sent))]
        return [(s.offset, s.timestamp, s.key, s.value, s.headers) for s in found]
    finally:
        await log.stop()


@pytest.mark.may_block
@settings(max_examples=40, deadline=None)
@given(
    sent=st.lists(
        st.builds(
            Record,
            topic=st.just("t"),
            key=st.none() | st.binary(),
            value=st.none() | st.binary(),
            headers=st.lists(st.tuples(st.text(), st.binary())).map(tuple),
            timestamp=st.integers(0, (1 << 62) - 1),
            partition=st.just(0),
        ),
        min_size=1,
    )
)
def test_any_record_comes_back_exactly(sent: list[Record]) -> None:
    """Any bytes, any headers, any time since 1970."""
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(store_and_read(Path(folder) / "log.db", sent))
    assert found == [(n, one.timestamp, one.key, one.value, one.headers) for n, one in enumerate(sent)]
