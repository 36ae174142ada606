"""`hookline reconcile`: what a provider never told is asked for, published, and merged like any other news."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from consumers.track.unfinished import Span
from hookline.commands.reconcile import _fields, _table
from hookline.configuration.config import Config, ConfigError, load_config
from hookline.errors import CommandError
from hookline.reconciling.account import Tally
from hookline.reconciling.run import Reconciled, Wishes, counted, reconciled
from providers.contract import Account, Provider
from providers.registry import PROVIDERS, cloud
from providers.simulation import Cloud, Misbehavior
from schemas.envelope import event_to_record
from schemas.events import SendRequested
from schemas.topics import DELIVERY, WEBHOOKS
from tests.support.consumers import QUICK
from tests.support.front import hookline
from tests.support.logs import read_all
from tests.support.simulated import NOW as SIMULATED
from tests.support.simulated import SEED, api_of
from tests.support.tracking import NOW, rows_in, statuses, taken

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


def test_the_table_says_what_is_left_and_why() -> None:
    """One line an account, and the reason below."""
    text = _table(Reconciled({"main": Tally(asked=3, changed=2, ended=1, open=1, left=4, stopped="status 401")}))
    assert text.splitlines()[1].split() == ["main", "3", "2", "(1)", "1", "0", "0", "4"]
    assert "main was left: status 401" in text


def test_a_run_in_which_all_are_gone_is_told() -> None:
    """It may well be the wrong provider."""
    found = Reconciled({"main": Tally(asked=2, gone=2), "second": Tally(asked=2, gone=1, open=1), "third": Tally()})
    assert found.strange == ["main"]
    assert "main: the provider knew NONE of these messages" in _table(found)
    assert _fields(found)["strange"] == ["main"]


async def test_no_state_and_no_account_are_told(tmp_path: Path) -> None:
    """Before anybody is called."""
    path = tmp_path / "hookline.toml"
    path.write_text('[broker]\nurl = "sqlite:///log.db"\n[consumers]\nstate = "sqlite:///state.db"\n')
    config = await asyncio.to_thread(load_config, path, {})
    with pytest.raises(CommandError, match="no state"):
        await counted(config, Wishes(span=ALL, rate=1.0))
    with pytest.raises(ConfigError, match="no account"):
        await reconciled(config, Wishes(span=ALL, account="main", rate=1.0), time.time)
