"""The accounts of the demo, each with a cloud of its own: own keys, own API, own deliveries, own books."""

import asyncio
import json
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from hookline.demo.account_watch import AccountWatch
from hookline.demo.books import Expected
from hookline.demo.collect import expected_of
from hookline.demo.folder import key_reference
from hookline.demo.strangers import Stranger
from hookline.demo.view import AccountView
from hookline.simulator.api import CloudApi
from hookline.simulator.deliveries import Deliveries
from hookline.simulator.engine import Engine
from hookline.simulator.latency import Histogram
from hookline.simulator.pacing import Pacer
from hookline.simulator.run import webhooks
from hookline.simulator.tally import Report, Tally
from providers.contract import Account
from providers.registry import cloud as cloud_of
from providers.registry import provider
from providers.simulation import Cloud, Confirming


@dataclass(frozen=True, slots=True)
class Place:
    """An account, and the provider that it is at. `files` names settings of files that the account itself writes."""

    account: str
    provider: str
    files: tuple[str, ...] = ()


PLACES: tuple[Place, ...] = (
    Place("main", "telnyx"),
    # The same provider, and its people write to the same number of ours: only the account tells them apart.
    Place("second", "telnyx"),
    Place("mm", "messagemedia"),
    Place("scg", "syniverse", files=("token_file",)),
)
"""The demo's accounts; a person's own message goes to the first."""


@dataclass(frozen=True, slots=True)
class Site:
    """One account and its cloud, before anything runs."""

    place: Place
    cloud: Cloud = field(repr=False)
    api: CloudApi = field(repr=False)
    deliveries: Deliveries = field(default_factory=Deliveries, repr=False)

    @property
    def account(self) -> str:
        """The account's name."""
        return self.place.account

    @property
    def title(self) -> str:
        """The provider's name as it writes it."""
        return provider(self.place.provider).title

    async def serve(self, data: Path, stack: AsyncExitStack) -> Sequence[str]:
        """Start the cloud's API and return the lines of an account that calls it there and keeps files in `data`."""
        base_url = await self.api.start()
        stack.push_async_callback(self.api.stop)
        lines = self.cloud.account_lines(base_url, partial(key_reference, self.account))
        kept = (f"{name} = {json.dumps(str(data / f'{self.account}.{name}'))}" for name in self.place.files)
        return [*lines, *kept]

    async def deliver(
        self, url: str, account: Account, strangers: Sequence[Cloud], stack: AsyncExitStack
    ) -> "RunningSite":
        """Begin to deliver to `url`, what follows from calls to the API too; strangers try to."""
        engine = Engine(self.cloud, url, deliveries=self.deliveries)
        await engine.start()
        stack.push_async_callback(engine.stop)
        self.api.engine = engine
        trying = [await Stranger.at(url, cloud, self.deliveries, stack) for cloud in strangers]
        return RunningSite(self, account, engine, AccountWatch(account, self.deliveries), trying)


@dataclass(frozen=True, slots=True)
class RunningSite:
    """A site at work: its engine delivers, its account is watched."""

    site: Site
    account: Account
    engine: Engine
    watch: AccountWatch
    strangers: Sequence[Stranger] = ()

    def traffic(self, rate: float, after: float) -> Sequence[Coroutine[Any, Any, None]]:
        """Return all that sends to the account for ever: its cloud `rate` webhooks a second, and a few of strangers.

        The first comes in `after` seconds.
        """
        return [self._send(rate, after), *(stranger.send(rate, after) for stranger in self.strangers)]

    async def _send(self, rate: float, after: float) -> None:
        await asyncio.sleep(after)
        pacer = Pacer(rate)
        for outgoing in webhooks(self.site.cloud, Random()):  # noqa: S311 - traffic is no secret
            await pacer.turn()
            await self.engine.submit(outgoing)

    @property
    def quiet(self) -> bool:
        """Whether nothing is on its way: no delivery, no webhook to the log, no reply, no confirmation."""
        confirming = self._confirming
        delivering = any(engine.in_hand for engine in self.engines)
        return self.watch.settled and not delivering and not (confirming and confirming.unconfirmed())

    @property
    def engines(self) -> Sequence[Engine]:
        """All that deliver to the account: its own cloud's first."""
        return [self.engine, *(stranger.engine for stranger in self.strangers)]

    def view(self) -> AccountView:
        """Return the figures of the moment."""
        watch, confirming = self.watch, self._confirming
        return AccountView(
            account=self.site.account,
            provider=self.site.title,
            report=self.engine.report(),
            stored=watch.confirmed,
            records=watch.webhooks,
            polled=watch.polled,
            lost=watch.lost,
            by_type={str(name): number for name, number in watch.by_type.items()},
            commands=watch.commands,
            outcomes=dict(watch.outcomes),
            replies_expected=watch.replies_expected,
            replies_done=watch.replies_done,
            confirmed=confirming.confirmed() if confirming else None,
            unconfirmed=confirming.unconfirmed() if confirming else None,
        )

    def expected(self, now: datetime) -> Expected:
        """Return what the log must hold by the cloud's books. Normalizes every body: use a thread."""
        return expected_of(self.site.cloud, self.site.deliveries, self.site.api.effects, self.account, now)

    @property
    def _confirming(self) -> Confirming | None:
        return self.site.cloud if isinstance(self.site.cloud, Confirming) else None


def new_sites(places: Sequence[Place] = PLACES) -> Sequence[Site]:
    """Return the sites, each cloud with new keys. Raises AccountError for a provider without a simulator."""
    clouds = [cloud_of(place.provider) for place in places]
    return [Site(place, cloud, CloudApi(cloud)) for place, cloud in zip(places, clouds, strict=True)]


def strangers_of(site: Site, sites: Iterable[Site]) -> Sequence[Cloud]:
    """Return the clouds of the other accounts at the same provider."""
    return [other.cloud for other in sites if other is not site and other.place.provider == site.place.provider]


def report_of(sites: Iterable[RunningSite]) -> Report:
    """Return the counts of all together."""
    total = Tally()
    for running in sites:
        for engine in running.engines:
            total.include(engine.tally)
    return total.report()


def answers_of(sites: Iterable[RunningSite]) -> Histogram:
    """Return how long all answers of success took so far, a copy."""
    total = Histogram()
    for running in sites:
        for engine in running.engines:
            total.include(engine.tally.histogram)
    return total
