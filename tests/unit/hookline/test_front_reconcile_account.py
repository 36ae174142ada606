"""One account of `hookline reconcile`: which messages are asked about, and what becomes of each answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import delete

from consumers.state.database import Database
from consumers.state.schema import messages
from consumers.track.unfinished import Span
from hookline.reconciling import account, pace
from hookline.reconciling.account import AccountRun, Tally, open_ids
from hookline.reconciling.pace import Pace
from ingest.draining import Tools
from ingest.metrics import IngestMetrics
from ingest.publisher import Publisher
from providers.contract import Account
from providers.rest.errors import ApiError, AuthenticationError, LimitError, ProviderFaultError, RateLimitedError
from providers.roles import Polled
from schemas.events import Event
from tests.support.consumed_log import MemoryLog
from tests.support.tracking import NOW, news, taken, told, tracker_of

ALL = Span(since_ms=0, before_ms=1 << 50)
PERSON = "+15550100123"
UUID = "00000000-0000-4000-8000-00000000000{}"


@dataclass
class Script:
    """A lookup that answers as it is told, by message; a function is what happens before it says `delivered`."""

    answers: Mapping[str, Sequence[Any]]
    asked: list[str] = field(default_factory=list[str])

    async def look_up(self, message_id: str) -> Sequence[Polled] | None:
        """Answer, or raise."""
        before = self.asked.count(message_id)
        self.asked.append(message_id)
        answer = self.answers[message_id][before]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            await answer()
            return item(message_id, "delivered")
        return answer  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Nothing to close."""


def item(message_id: str, status: str) -> Sequence[Polled]:
    """Return Telnyx's answer about a message."""
    message = {
        "id": message_id,
        "record_type": "message",
        "direction": "outbound",
        "to": [{"phone_number": PERSON, "status": status}],
        "completed_at": "2026-01-01T00:10:00+00:00",
    }
    return (Polled(f"/messages/{message_id}", orjson.dumps({"data": message})),)


@dataclass
class Run:
    """A run over scripted answers, and what was left behind."""

    tally: Tally
    asked: Sequence[str]
    log: MemoryLog


@dataclass
class Desk:
    """A state, and a log that takes what a run finds."""

    database: Database
    log: MemoryLog = field(default_factory=MemoryLog)

    async def told(self, *events: Event) -> None:
        """Let the state know of events."""
        tracker = tracker_of(self.database, MemoryLog())
        for event in events:
            await tracker.handle(told(event))

    async def open(self, span: Span = ALL) -> Sequence[str]:
        """Return which messages would be asked about."""
        return [one async for one in open_ids(self.database, "main", span)]

    async def run(self, answers: Mapping[str, Sequence[Any]], span: Span = ALL) -> Run:
        """Run over scripted answers."""
        metrics = IngestMetrics(CollectorRegistry())
        tools = Tools(log=self.log, publisher=Publisher(self.log, metrics), accounts={}, metrics=metrics)
        script, main = Script(answers), Account(name="main", provider="telnyx")
        run = AccountRun(main, script, self.database, tools, Pace(1000.0), NOW.timestamp)
        return Run(await run.run(span), script.asked, self.log)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Desk]:
    """Give a desk with a new state."""
    database = Database(f"sqlite:///{folder / 'state.db'}")
    await database.open()
    yield Desk(database)
    await database.close()


async def ran(tmp_path: Path, answers: Mapping[str, Sequence[Any]], *, away: bool = False) -> Run:
    """Run over messages that were sent, in the order of the answers, with one that stands at `sent` behind each."""
    async with opened(tmp_path) as desk:
        await desk.told(*[news("sent", number, message=one, to=PERSON) for number, one in enumerate(answers)])
        desk.log.away = away
        return await desk.run(answers)


FAULT = ProviderFaultError(502, (), 0.0)
FIRST, SECOND, THIRD = (UUID.format(number) for number in range(3))


async def test_each_message_is_counted_once(tmp_path: Path) -> None:
    """With news, without, and one that the provider has no more."""
    found = await ran(tmp_path, {FIRST: [item(FIRST, "delivered")], SECOND: [item(SECOND, "queued")], THIRD: [None]})
    assert found.tally == Tally(asked=3, changed=1, ended=1, open=1, gone=1)


async def test_what_is_no_news_is_not_stored(tmp_path: Path) -> None:
    """A lower rank than the table's changes nothing, so it would only be noise."""
    found = await ran(tmp_path, {FIRST: [item(FIRST, "queued")]})
    assert (found.tally, found.log.records) == (Tally(asked=1, open=1), {})


async def test_who_is_erased_while_it_asks_is_not_brought_back(tmp_path: Path) -> None:
    """A page of messages is read ahead, and a slow run comes to the last of them minutes later."""
    async with opened(tmp_path) as desk:

        async def erase() -> None:
            gone = delete(messages).where(messages.c.message_id == FIRST)
            await desk.database.run(lambda connection: connection.execute(gone).rowcount)

        await desk.told(news("sent", 1, message=FIRST, to=PERSON), news("sent", 2, message=SECOND, to=PERSON))
        found = await desk.run({FIRST: [erase], SECOND: [item(SECOND, "delivered")]})
        assert found.tally == Tally(asked=2, changed=1, ended=1, open=1)
        stored = [record.value for records in found.log.records.values() for record in records]
        assert stored
        assert not [value for value in stored if FIRST.encode() in (value or b"")]


async def test_a_question_that_is_refused_stops_no_other(tmp_path: Path) -> None:
    """An id that is none of the provider's is one that failed."""
    found = await ran(tmp_path, {FIRST: [LimitError("no id")], SECOND: [item(SECOND, "delivered")]})
    assert found.tally == Tally(asked=2, changed=1, ended=1, failed=1)


async def test_refused_credentials_stop_the_account_at_once(tmp_path: Path) -> None:
    """Every other question would be refused too."""
    found = await ran(tmp_path, {FIRST: [AuthenticationError(401, (), None, "look_up")], SECOND: []})
    assert (found.asked, found.tally.left, found.tally.stopped) == ([FIRST], 2, "look_up: status 401")


@pytest.mark.parametrize("error", [RateLimitedError(429, (), 0.0), ProviderFaultError(503, (), 0.0)])
async def test_a_provider_that_has_enough_for_too_long_is_left(error: ApiError, tmp_path: Path) -> None:
    """After some waits in a row the account's other messages are not asked about."""
    found = await ran(tmp_path, {FIRST: [error] * (pace.MOST_WAITS + 1), SECOND: []})
    assert (found.asked, found.tally.left) == ([FIRST] * (pace.MOST_WAITS + 1), 2)


async def test_trouble_that_passes_is_none(tmp_path: Path) -> None:
    """The same question again, after the wait."""
    found = await ran(tmp_path, {FIRST: [ProviderFaultError(503, (), 0.0), item(FIRST, "delivered")]})
    assert found.tally == Tally(asked=1, changed=1, ended=1)


async def test_a_log_that_is_away_stops_the_account(tmp_path: Path) -> None:
    """What was found is not lost: it is found again."""
    found = await ran(tmp_path, {FIRST: [item(FIRST, "delivered")], SECOND: []}, away=True)
    assert (found.tally.asked, found.tally.left, found.asked) == (0, 2, [FIRST])
    assert found.tally.stopped is not None
    assert "log" in found.tally.stopped


async def test_a_rate_is_kept() -> None:
    """Calls begin no closer than the rate says."""
    at, loop = Pace(100.0), asyncio.get_running_loop()
    began = loop.time()
    for _ in range(5):
        await at.turn()
    assert loop.time() - began >= 0.039


async def test_a_young_message_is_left_alone(tmp_path: Path) -> None:
    """And so is one from before the span."""
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await database.open()
    tracker = tracker_of(database, MemoryLog())
    for at in (0, 100, 200):
        await tracker.handle(told(news("sent", at, message=f"m{at}")))
    begin = int(NOW.timestamp() * 1000)
    span = Span(since_ms=begin + 50_000, before_ms=begin + 150_000)
    assert [one async for one in open_ids(database, "main", span)] == ["m100"]
    await database.close()


async def test_what_was_said_of_all_recipients_closes_each(tmp_path: Path) -> None:
    """A request that was rejected is not asked about: none of its messages will ever tell of itself."""
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await database.open()
    tracker = tracker_of(database, MemoryLog())
    for event in (taken("r1"), news("rejected", 1, message="r1", to=None)):
        await tracker.handle(told(event))
    assert [one async for one in open_ids(database, "main", ALL)] == []
    await database.close()


async def test_what_the_provider_does_not_have_is_asked_about_once(tmp_path: Path) -> None:
    """Until there is news of it, or somebody wishes it."""
    async with opened(tmp_path) as desk:
        await desk.told(news("sent", 1, message=FIRST, to=PERSON), news("sent", 1, message=SECOND, to=PERSON))
        first = await desk.run({FIRST: [None], SECOND: [item(SECOND, "sent")]})
        again = await desk.run({SECOND: [item(SECOND, "sent")]})
        wished = await desk.run({FIRST: [None], SECOND: [item(SECOND, "sent")]}, replace(ALL, gone=True))
        assert [one.tally.gone for one in (first, again, wished)] == [1, 0, 1]
        await desk.told(news("unconfirmed", 2, message=FIRST, to=PERSON))
        assert await desk.open() == [FIRST, SECOND]


async def test_what_the_provider_has_after_all_is_asked_about_again(tmp_path: Path) -> None:
    """Though it said nothing new of it then."""
    async with opened(tmp_path) as desk:
        await desk.told(news("sent", 1, message=FIRST, to=PERSON))
        await desk.run({FIRST: [None]})
        assert await desk.open() == []
        await desk.run({FIRST: [item(FIRST, "sent")]}, replace(ALL, gone=True))
        assert await desk.open() == [FIRST]


async def test_a_question_that_never_gets_an_answer_costs_no_other(tmp_path: Path) -> None:
    """The account's younger messages are asked about; the provider was not down."""
    fault = ProviderFaultError(500, (), 0.0)
    answers: Mapping[str, Sequence[Any]] = {
        FIRST: [fault] * (pace.MOST_WAITS + 1),
        SECOND: [TimeoutError()],
        THIRD: [item(THIRD, "delivered")],
    }
    found = await ran(tmp_path, answers)
    assert found.tally == Tally(asked=3, changed=1, ended=1, failed=2)
    assert found.asked == [FIRST] * (pace.MOST_WAITS + 1) + [SECOND, THIRD]


async def test_an_account_where_nothing_gets_an_answer_is_left(tmp_path: Path) -> None:
    """After so many messages in a row, and some of the youngest; those between are not asked about."""
    ids = [UUID.format(number) for number in range(pace.MOST_FAULTS + account.MOST_PROBES + 1)]
    found = await ran(tmp_path, {one: [FAULT] * (pace.MOST_WAITS + 1) for one in ids})
    assert (found.tally.failed, found.tally.left) == (pace.MOST_FAULTS - 1 + account.MOST_PROBES, 2)
    assert found.tally.stopped == "the call: status 502"
    assert ids[pace.MOST_FAULTS] not in found.asked


async def test_many_in_a_row_that_never_get_an_answer_cost_no_other(tmp_path: Path) -> None:
    """Each run would meet them first, and never come to those behind; each is asked about once."""
    bad = [UUID.format(number) for number in range(pace.MOST_FAULTS)]
    good = [UUID.format(number) for number in range(pace.MOST_FAULTS, 9)]
    found = await ran(
        tmp_path,
        {one: [FAULT] * (pace.MOST_WAITS + 1) for one in bad} | {one: [item(one, "delivered")] for one in good},
    )
    assert found.tally == Tally(asked=9, changed=len(good), ended=len(good), failed=len(bad))
    assert found.asked[-len(good) :] == [good[-1], *good[:-1]]


async def test_credentials_that_are_refused_meanwhile_stop_the_account(tmp_path: Path) -> None:
    """No further one is asked about to see whether it is answered."""
    ids = [UUID.format(number) for number in range(pace.MOST_FAULTS + 3)]
    answers = {one: [FAULT] * (pace.MOST_WAITS + 1) for one in ids}
    found = await ran(tmp_path, answers | {ids[-1]: [AuthenticationError(401, (), None, "look_up")]})
    assert found.asked[-1] == ids[-1]
    assert (found.tally.failed, found.tally.left) == (pace.MOST_FAULTS - 1, 4)


@pytest.mark.parametrize("answer", [item(SECOND, "delivered"), (Polled("/messages/x", b'{"junk": 1}'),), ()])
async def test_an_answer_about_something_else_is_none(answer: Sequence[Polled], tmp_path: Path) -> None:
    """It is not stored, and the message counts as one that could not be asked about."""
    found = await ran(tmp_path, {FIRST: [answer]})
    assert (found.tally, found.log.records) == (Tally(asked=1, failed=1), {})


async def test_a_message_is_met_once_whenever_its_recipients_were_heard_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also across pages."""
    monkeypatch.setattr(account, "_PAGE", 2)
    async with opened(tmp_path) as desk:
        for number in range(4):
            await desk.told(
                news("sent", number, message="many", to=f"+1555000000{number}"),
                news("sent", number, message=f"m{number}"),
            )
        assert await desk.open() == ["m0", "many", "m1", "m2", "m3"]
