"""`hookline reconcile`: what a provider never told is asked for, published, and merged like any other news."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from broker.log import Log
from broker.opening import open_log
from consumers.loop.run import ConsumeLoop
from consumers.metrics import ConsumerMetrics
from consumers.settings import ConsumersSettings
from consumers.state.database import Database
from consumers.track.consumer import Tracker, track
from consumers.track.settings import TrackSettings
from hookline.commands.reconcile import _table
from hookline.configuration.config import Config, ConfigError, load_config
from hookline.errors import CommandError
from hookline.reconciling import pace
from hookline.reconciling.account import AccountRun, Span, Tally, open_ids
from hookline.reconciling.pace import Pace
from hookline.reconciling.run import Reconciled, Wishes, counted, reconciled
from ingest.draining import Tools
from ingest.metrics import IngestMetrics
from ingest.publisher import Publisher
from providers.contract import Account, Provider
from providers.registry import PROVIDERS, cloud
from providers.rest.errors import ApiError, AuthenticationError, LimitError, ProviderFaultError, RateLimitedError
from providers.roles import Polled
from providers.simulation import Cloud, Misbehavior
from schemas.envelope import event_to_record
from schemas.events import SendRequested
from schemas.topics import DELIVERY, WEBHOOKS
from tests.support.consumed_log import MemoryLog
from tests.support.consumers import QUICK
from tests.support.front import hookline
from tests.support.logs import read_all
from tests.support.simulated import NOW as SIMULATED
from tests.support.simulated import SEED, api_of
from tests.support.tracking import NOW, news, rows_in, statuses, taken, told, tracker_of

ALL = Span(since_ms=0, before_ms=1 << 50)
OURS, PERSON = "+17735550100", "+15550100123"
UUID = "00000000-0000-4000-8000-00000000000{}"


@dataclass
class Site:
    """A configuration with one account at a simulated cloud, its log and its state, with track at work."""

    config: Config
    cloud: Cloud
    now: list[float]
    api: Any
    log: Log
    database: Database

    @property
    def account(self) -> Account:
        """The one account."""
        return self.config.accounts["main"]

    @property
    def provider(self) -> Provider:
        """Its provider."""
        return PROVIDERS[self.account.provider]

    async def send(self) -> str:
        """Send a text, let track know of it, and let the cloud's time pass; no webhook is ever delivered."""
        sender = self.provider.sender(self.account)
        command = SendRequested(
            id="c" * 32, provider="any", account="main", received_at=NOW, from_=OURS, to=PERSON, text="Open 9 to 17."
        )
        receipt = await sender.send(command.id, sender.prepare(command))
        await sender.close()
        assert receipt.message_id is not None
        result = taken(receipt.message_id, PERSON, provider=self.account.provider)
        await self.log.append([event_to_record(result)], 5.0)
        await self.until_stands(receipt.message_id, "queued")
        self.now[0] += 60
        return receipt.message_id

    async def until_stands(self, message_id: str, status: str) -> None:
        """Wait until the message's state is that."""
        async with asyncio.timeout(10):
            # A database has no event to wait for.
            while not await self.stands(message_id, status):  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.01)

    async def stands(self, message_id: str, status: str) -> bool:
        """Tell whether the message's state is that."""
        return statuses(await rows_in(self.database)).get((message_id, PERSON)) == status


@asynccontextmanager
async def site_of(folder: Path, provider: str) -> AsyncIterator[Site]:
    """Give a site where a receiver's log is open beside us."""
    made, now = cloud(provider, SEED), [SIMULATED]
    async with api_of(made, lambda: now[0]) as (api, base_url):
        lines = made.account_lines(base_url, lambda name: f"env:{name}")
        path = folder / "hookline.toml"
        path.write_text(
            "\n".join(
                (
                    "[broker]",
                    'url = "sqlite:///log.db"',
                    "[consumers]",
                    'state = "sqlite:///state.db"',
                    "[accounts.main]",
                    *lines,
                    "",
                )
            )
        )
        config = await asyncio.to_thread(load_config, path, made.environment())
        log, database = open_log(config.broker, ingesting=True), Database(config.consumers.state)
        await log.start()
        await database.open()
        metrics = ConsumerMetrics(CollectorRegistry())
        tracker = Tracker(TrackSettings(), database, log, metrics)
        loop = ConsumeLoop(log, track(tracker), ConsumersSettings(), metrics, time.time, tempo=QUICK)
        task = asyncio.create_task(loop.run())
        yield Site(config, made, now, api, log, database)
        loop.stop()
        await task
        await log.stop()
        await database.close()


@pytest.mark.parametrize("provider", ["telnyx", "messagemedia", "syniverse"])
async def test_a_webhook_that_never_came_is_found(provider: str, tmp_path: Path) -> None:
    """Beside a running receiver: a raw record and events as of a poll, and the state comes to its end."""
    async with site_of(tmp_path, provider) as site:
        message_id = await site.send()
        wishes = Wishes(span=ALL, rate=100.0)
        assert await counted(site.config, wishes) == {"main": 1}
        found = await reconciled(site.config, wishes, time.time)
        assert (found.tallies["main"], found.whole) == (Tally(asked=1, changed=1, ended=1), True)
        await site.until_stands(message_id, "delivered")
        raw = await read_all(site.log, WEBHOOKS.name)
        assert {record.text_header("ce_ingress") for record in raw} == {"poll"}
        told_of = await read_all(site.log, DELIVERY.name)
        assert {record.text_header("ce_ingress") for record in told_of} == {"poll"}
        assert {record.text_header("ce_webhookid") for record in told_of} <= {
            record.text_header("ce_id") for record in raw
        }
        assert (await reconciled(site.config, wishes, time.time)).tallies == {"main": Tally()}


async def test_a_wish_to_wait_is_followed(tmp_path: Path) -> None:
    """The provider's 429 with `Retry-After` costs a second and no message."""
    async with site_of(tmp_path, "telnyx") as site:
        await site.send()
        assert site.api.misbehave(Misbehavior.RATE_LIMIT, 1)
        found = await reconciled(site.config, Wishes(span=ALL, rate=100.0), time.time)
        assert (found.tallies["main"].changed, site.api.statuses[429]) == (1, 1)


async def test_the_commands_tell_the_whole_way(tmp_path: Path) -> None:
    """`reconcile`, then `message`, each a process of its own beside the receiver."""
    async with site_of(tmp_path, "telnyx") as site:
        message_id = await site.send()
        environment = site.cloud.environment()

        async def run(*words: str) -> tuple[int, str]:
            done = await asyncio.to_thread(hookline, *words, cwd=tmp_path, environment=environment)
            return done.returncode, (done.stdout + done.stderr).decode()

        status, text = await run("reconcile", "--since", "-3650d", "--least-age", "1", "--json")
        assert (status, json.loads(text)["accounts"]["main"]["ended"]) == (0, 1)
        await site.until_stands(message_id, "delivered")
        status, text = await run("message", message_id)
        assert status == 0
        assert "+15…23: delivered (final)" in text
        assert "sent by command c1, in answer to message inbound-1" in text
        assert "[poll " in text
        assert PERSON not in text


@dataclass
class Script:
    """A lookup that answers as it is told, by message."""

    answers: Mapping[str, Sequence[Any]]
    asked: list[str] = field(default_factory=list[str])

    async def look_up(self, message_id: str) -> Sequence[Polled] | None:
        """Answer, or raise."""
        before = self.asked.count(message_id)
        self.asked.append(message_id)
        answer = self.answers[message_id][before]
        if isinstance(answer, Exception):
            raise answer
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


async def ran(tmp_path: Path, answers: Mapping[str, Sequence[Any]], *, away: bool = False) -> Run:
    """Run over messages that were sent, in the order of the answers, with one that stands at `sent` behind each."""
    database, log = Database(f"sqlite:///{tmp_path / 'state.db'}"), MemoryLog()
    await database.open()
    tracker = tracker_of(database, MemoryLog())
    for number, message_id in enumerate(answers):
        await tracker.handle(told(news("sent", number, message=message_id, to=PERSON)))
    log.away = away
    metrics = IngestMetrics(CollectorRegistry())
    tools = Tools(log=log, publisher=Publisher(log, metrics), accounts={}, metrics=metrics)
    script = Script(answers)
    account = Account(name="main", provider="telnyx")
    run = AccountRun(account, script, database, tools, Pace(1000.0), NOW.timestamp)
    tally = await run.run(ALL)
    await database.close()
    return Run(tally, script.asked, log)


FIRST, SECOND, THIRD = (UUID.format(number) for number in range(3))


async def test_each_message_is_counted_once(tmp_path: Path) -> None:
    """With news, without, and one that the provider has no more."""
    found = await ran(tmp_path, {FIRST: [item(FIRST, "delivered")], SECOND: [item(SECOND, "queued")], THIRD: [None]})
    assert found.tally == Tally(asked=3, changed=1, ended=1, open=1, gone=1)


async def test_what_is_no_news_is_not_stored(tmp_path: Path) -> None:
    """A lower rank than the table's changes nothing, so it would only be noise."""
    found = await ran(tmp_path, {FIRST: [item(FIRST, "queued")]})
    assert (found.tally, found.log.records) == (Tally(asked=1, open=1), {})


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
    assert (found.tally.left, found.asked) == (2, [FIRST])
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


def test_the_table_says_what_is_left_and_why() -> None:
    """One line an account, and the reason below."""
    text = _table(Reconciled({"main": Tally(asked=3, changed=2, ended=1, open=1, left=4, stopped="status 401")}))
    assert text.splitlines()[1].split() == ["main", "3", "2", "(1)", "1", "0", "0", "4"]
    assert "main was left: status 401" in text


async def test_no_state_and_no_account_are_told(tmp_path: Path) -> None:
    """Before anybody is called."""
    path = tmp_path / "hookline.toml"
    path.write_text('[broker]\nurl = "sqlite:///log.db"\n[consumers]\nstate = "sqlite:///state.db"\n')
    config = await asyncio.to_thread(load_config, path, {})
    with pytest.raises(CommandError, match="no state"):
        await counted(config, Wishes(span=ALL, rate=1.0))
    with pytest.raises(ConfigError, match="no account"):
        await reconciled(config, Wishes(span=ALL, account="main", rate=1.0), time.time)
