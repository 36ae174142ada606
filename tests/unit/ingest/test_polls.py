"""Polls: check, store, confirm, in this order and never otherwise."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from ingest.metrics import IngestMetrics
from ingest.polls import AT_ONCE, PolledAccount, Poller, Polls
from ingest.publisher import Publisher
from providers.contract import Account
from providers.rest.errors import ApiError, NotConnectedError, RateLimitedError, refused
from providers.roles import PollBatch, Polled
from schemas.vocabulary import Ingress
from tests.support.receiver import NOW, MemoryLog, Mood, body_of
from tests.support.sample_provider import SAMPLE


def items(*names: str) -> tuple[Polled, ...]:
    """Return items whose bodies the sample provider understands."""
    return tuple(Polled("/v1/replies", body_of(id=name)) for name in names)


@dataclass
class ScriptedPoll:
    """Gives batches or errors in turn, then nothing; `seen` tells what was asked and how much was stored then."""

    memory: MemoryLog
    batches: list[PollBatch | Exception] = field(default_factory=list)
    confirming: list[Exception | None] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    closed: bool = False
    name: str = "replies"
    every: float = 60.0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def check(self) -> PollBatch:
        """Return what comes next."""
        self.seen.append("check")
        self.asked.set()
        found = self.batches.pop(0) if self.batches else PollBatch()
        if isinstance(found, Exception):
            raise found
        return found

    async def stored(self, batch: PollBatch) -> None:
        """Note it, with the number of raw records that the log had by then."""
        self.seen.append(f"stored {len(batch.items)} of {len(self.memory.webhooks)}")
        error = self.confirming.pop(0) if self.confirming else None
        if error is not None:
            raise error

    async def close(self) -> None:
        """Note it."""
        self.closed = True


class Desk:
    """A poller on a memory log."""

    def __init__(self, *batches: PollBatch | Exception, confirming: Sequence[Exception | None] = ()) -> None:
        self.memory = MemoryLog()
        self.poll = ScriptedPoll(self.memory, list(batches), list(confirming))
        self.registry = CollectorRegistry()
        metrics = IngestMetrics(self.registry)
        publisher = Publisher(self.memory.log, metrics)
        account = Account(name="main", provider="sample", tenant="acme")
        self.polled = PolledAccount(account, SAMPLE, self.poll)
        self.poller = Poller(self.polled, publisher, metrics, lambda: NOW)
        self.polls = Polls((self.polled,), publisher, metrics, lambda: NOW)

    def count(self, outcome: str) -> float:
        """Return how many checks ended so."""
        labels = {"account": "main", "poll": "replies", "outcome": outcome}
        return self.registry.get_sample_value("hookline_polls_total", labels) or 0.0


async def test_what_is_found_is_stored_before_it_is_confirmed() -> None:
    """Otherwise a crash between the two would lose it."""
    desk = Desk(PollBatch(items=items("one", "two")))
    assert await desk.poller.turn() == 60.0
    assert desk.poll.seen == ["check", "stored 2 of 2"]
    assert desk.count("ok") == 1


async def test_an_item_is_a_raw_record_of_its_own_that_says_it_was_polled() -> None:
    """With the bytes of the provider, and the events beside it."""
    desk = Desk(PollBatch(items=items("one")))
    await desk.poller.turn()
    (webhook,) = desk.memory.webhooks
    assert (webhook.ingress, webhook.method, webhook.target) == (Ingress.POLL, "GET", "/v1/replies")
    assert webhook.body == body_of(id="one")
    assert (webhook.account, webhook.tenant, webhook.header("content-type")) == ("main", "acme", "application/json")
    assert [each.event.message_id for each in desk.memory.events] == ["one"]


@pytest.mark.parametrize("asked", [0.0, 2.5])
async def test_a_batch_may_ask_to_be_followed_soon(asked: float) -> None:
    """At once while more waits."""
    desk = Desk(PollBatch(items=items("one"), again_after=asked))
    assert await desk.poller.turn() == asked


async def test_nothing_is_confirmed_that_the_log_did_not_take() -> None:
    """It comes again with the next check."""
    desk = Desk(PollBatch(items=items("one")))
    desk.memory.mood = Mood.AWAY
    assert 0 < await desk.poller.turn() <= 1.0
    assert desk.poll.seen == ["check"]
    assert (desk.count("not_stored"), desk.poller.trouble) == (1, "not_stored")


async def test_one_item_that_is_not_stored_keeps_the_batch_from_being_confirmed() -> None:
    """The others are stored again under the same ids."""
    names = [f"m{number}" for number in range(AT_ONCE + 1)]
    desk = Desk(PollBatch(items=items(*names)))
    desk.memory.refuses = lambda record: record.value == body_of(id=names[-1])
    await desk.poller.turn()
    assert desk.poll.seen == ["check"]
    assert len(desk.memory.webhooks) == AT_ONCE


@pytest.mark.parametrize("error", [NotConnectedError("no connection"), ApiError("odd"), ValueError("a bug")])
async def test_a_check_that_fails_is_tried_again_sooner_than_usual(error: Exception) -> None:
    """Whatever it raises; the next success clears the trouble."""
    desk = Desk(error, PollBatch())
    assert 0 < await desk.poller.turn() <= 1.0
    assert desk.poller.trouble in {"provider_failed", "fault"}
    await desk.poller.turn()
    assert desk.poller.trouble is None


@pytest.mark.parametrize("status", [400, 401, 404])
async def test_what_stays_refused_is_asked_again_after_the_usual_time(status: int) -> None:
    """To ask sooner gets the same answer."""
    assert await Desk(refused(status, (), None, "replies")).poller.turn() == 60.0


@pytest.mark.parametrize("status", [408, 429, 503])
async def test_what_is_refused_for_the_moment_is_asked_again_sooner(status: int) -> None:
    """As what did not come about at all."""
    assert 0 < await Desk(refused(status, (), None, "replies")).poller.turn() <= 1.0


async def test_failures_in_a_row_make_longer_pauses() -> None:
    """Up to five minutes."""
    desk = Desk(*[NotConnectedError("no connection")] * 20)
    pauses = [await desk.poller.turn() for _ in range(20)]
    assert pauses[0] <= 1.0
    assert 150.0 <= pauses[-1] <= 300.0


async def test_a_provider_that_asks_to_wait_is_given_the_time() -> None:
    """Its Retry-After counts more than our pause."""
    desk = Desk(RateLimitedError(429, (), 42.0))
    assert await desk.poller.turn() == 42.0


async def test_a_confirmation_that_fails_is_told_and_the_batch_comes_again() -> None:
    """What is stored stays stored."""
    desk = Desk(PollBatch(items=items("one")), PollBatch(items=items("one")), confirming=[ApiError("away"), None])
    await desk.poller.turn()
    assert desk.poller.trouble == "not_confirmed"
    await desk.poller.turn()
    assert desk.poll.seen == ["check", "stored 1 of 1", "check", "stored 1 of 2"]
    assert len({webhook.id for webhook in desk.memory.webhooks}) == 1


async def test_a_close_that_hangs_is_cut() -> None:
    """The end of a process does not wait for a provider."""

    class Hanging(ScriptedPoll):
        async def close(self) -> None:
            await asyncio.Event().wait()

    desk = Desk()
    metrics = IngestMetrics(CollectorRegistry())
    polled = replace(desk.polled, poll=Hanging(desk.memory))
    polls = Polls((polled,), Publisher(desk.memory.log, metrics), metrics, lambda: NOW)
    async with asyncio.timeout(10):
        await polls.close()


async def test_a_list_that_never_ends_is_left_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a pause it would keep us and the provider busy for ever."""
    monkeypatch.setattr("ingest.polls.MOST_AT_ONCE", 3)
    desk = Desk(*[PollBatch(again_after=0.0)] * 8)
    assert [await desk.poller.turn() for _ in range(5)] == [0.0, 0.0, 0.0, 60.0, 0.0]


async def test_no_configuration_makes_a_poll_run_wild() -> None:
    """A second from one check to the next is the least."""
    desk = Desk(PollBatch())
    desk.poll.every = 0.001
    assert await desk.poller.turn() == 1.0


async def test_a_normalizer_that_raises_costs_no_item() -> None:
    """It is kept as unrecognized."""

    def broken(_webhook: object, _settings: object) -> Any:
        raise ValueError("a bug")

    desk = Desk(PollBatch(items=items("one")))
    polled = replace(desk.polled, provider=replace(SAMPLE, normalize=broken))
    metrics = IngestMetrics(CollectorRegistry())
    poller = Poller(polled, Publisher(desk.memory.log, metrics), metrics, lambda: NOW)
    await poller.turn()
    assert desk.poll.seen == ["check", "stored 1 of 1"]
    assert [each.event.TYPE for each in desk.memory.events] == ["messaging.webhook.unrecognized"]


async def test_polls_run_from_their_start_to_their_stop() -> None:
    """The first check comes at once; the end closes the connections."""
    desk = Desk()
    desk.polls.start()
    async with asyncio.timeout(5):
        await desk.poll.asked.wait()
    await desk.polls.stop()
    await desk.polls.close()
    assert desk.poll.closed
    assert desk.polls.troubles == {}


@given(st.lists(st.sampled_from(["ok", "away", "check fails", "confirm fails"]), max_size=12))
async def test_whatever_happens_nothing_is_confirmed_unstored(script: list[str]) -> None:
    """The oracle: at each confirmation, every item of the batch is in the log."""
    desk = Desk()
    for number, event in enumerate(script):
        desk.memory.mood = Mood.AWAY if event == "away" else Mood.WELL
        desk.poll.batches = [NotConnectedError("x") if event == "check fails" else PollBatch(items=items(f"m{number}"))]
        desk.poll.confirming = [ApiError("x") if event == "confirm fails" else None]
        await desk.poller.turn()
    confirmed = sum(1 for line in desk.poll.seen if line.startswith("stored"))
    assert confirmed == len(desk.memory.webhooks) == sum(1 for event in script if event in {"ok", "confirm fails"})
