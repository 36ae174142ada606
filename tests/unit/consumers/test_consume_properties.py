"""Random failures and random kills: order for each key, nothing lost, nothing committed ahead of what is done."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.log import Partition
from consumers.loop.settings import RetrySettings
from schemas.envelope import Delivered
from schemas.records import StoredRecord
from schemas.topics import INBOUND
from tests.support.consumers import QUICK, Bench, inbound, until
from tests.support.consumers_seen import DLQ, RETRY, Seen

KEYS = ("+16660000000", "+16660000001", "+16660000002")
WORN_OUT = 9
"""Tries in all: three rounds of three. A handler that fails so often has a dead letter."""


@dataclass(frozen=True)
class Story:
    """Events by the number of their key, how often each fails, and after how many calls the process is killed."""

    keys: Sequence[int]
    failures: Mapping[int, int]
    kills: Sequence[int]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Draw a story."""
    keys = draw(st.lists(st.integers(0, len(KEYS) - 1), min_size=1, max_size=10))
    often = st.sampled_from([0, 0, 0, 1, 3, 4, 6, 8, WORN_OUT])
    failures = {n: draw(often) for n in range(len(keys))}
    return Story(keys, failures, draw(st.lists(st.integers(1, 12), max_size=2)))


class Commits(list[dict[Partition, int]]):
    """Judges every commit at the moment in which it is stored."""

    def __init__(self, run: "Run") -> None:
        super().__init__()
        self._run = run

    def append(self, offsets: dict[Partition, int]) -> None:
        """Note what was committed ahead of its end."""
        for partition, offset in offsets.items():
            records = self._run.bench.log.records.get(partition, [])
            # What fails again where order is given up stands at the end of the retry topic once more.
            waiting = self._run.on(RETRY) if partition.topic == INBOUND.name else {_id(each) for each in records[offset:]}
            kept = self._run.settled | waiting
            self._run.wrong += [f"committed ahead: {_id(each)}" for each in records[:offset] if _id(each) not in kept]
        super().append(offsets)


class Run:
    """One story on a bench."""

    def __init__(self, story: Story, order: str) -> None:
        tempo = replace(QUICK, idle_poll=0.01, first_pause=0.001, longest_pause=0.002)
        self.bench = Bench(2, tempo, retry=RetrySettings(delays=(0.001, 0.002), order=order))
        self.bench.log.commits = Commits(self)
        self.seen = Seen()
        self.wrong: list[str] = []
        self.calls = 0
        self._checks_order = order == "kept"
        self._story = story
        for n, often in story.failures.items():
            self.seen.failing[f"event-{n}"] = [ValueError("no") for _ in range(often)]

    def on(self, topic: str) -> set[str]:
        """Return the ids of a topic's records."""
        return {_id(record) for record in self.bench.log.on(topic)}

    @property
    def settled(self) -> set[str]:
        """The ids of events that were handled or are dead letters."""
        return {*self.seen.ended, *self.on(DLQ)}

    async def handle(self, event: Delivered) -> None:
        """Handle an event, and note one of its key before it that has no end yet."""
        self.calls += 1
        number = int(event.envelope.id.removeprefix("event-"))
        mine = [f"event-{n}" for n in range(number) if self._story.keys[n] == self._story.keys[number]]
        if self._checks_order and not self.settled.issuperset(mine):
            self.wrong.append(f"{event.envelope.id} before {set(mine) - self.settled}")
        await self.seen(event)

    async def play(self) -> None:
        """Run it to its end, through every kill."""
        self.bench.fill(*(inbound(n, key=KEYS[key]) for n, key in enumerate(self._story.keys)))
        for calls in self._story.kills:
            self.bench.start(self.handle)
            begun = self.calls
            await until(lambda enough=begun + calls: self.calls >= enough or self._is_over)
            await self.bench.kill()
        self.bench.start(self.handle)
        await until(lambda: self._is_over)
        await self.bench.stop()

    @property
    def _is_over(self) -> bool:
        everything = sum(len(self.bench.log.on(topic)) for topic in (INBOUND.name, RETRY))
        return self.bench.log.done("group") == everything


def _id(record: StoredRecord) -> str:
    return record.text_header("ce_id") or ""


@pytest.mark.parametrize("order", ["kept", "given_up"])
@given(stories())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_lost_or_committed_ahead_and_keys_keep_their_order(order: str, story: Story) -> None:
    """Whatever fails and whenever the process is killed: each event ends, in order of its key where that is kept."""
    run = Run(story, order)
    asyncio.run(run.play())
    assert run.wrong == []
    assert run.settled == {f"event-{n}" for n in range(len(story.keys))}
    dead = {f"event-{n}" for n, often in story.failures.items() if often == WORN_OUT}
    if not story.kills:
        assert run.on(DLQ) == dead
