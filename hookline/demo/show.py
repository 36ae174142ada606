"""The demo at work: everything started in order, watched, ended in order, and checked against the log."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

from broker.log import Log
from broker.opening import open_log
from hookline.configuration.config import Config, load_config
from hookline.demo import folder as files
from hookline.demo.audit import Audit, check
from hookline.demo.collect import stored_of
from hookline.demo.folder import Folder
from hookline.demo.settle import settle
from hookline.demo.sites import RunningSite, Site, report_of, strangers_of
from hookline.demo.view import View
from hookline.demo.watcher import Watcher
from hookline.process.application import Application
from hookline.process.roles import Role
from hookline.simulator.engine import delivery_headers
from hookline.simulator.run import stopped_by_signals, webhooks
from providers.simulation import Cloud, Outgoing
from schemas.times import from_clock

_REFUSALS = "hookline_refusals_total"
_RENEW = 30.0
_STOP_WAIT = 15.0
_VERDICT = 3.0
Ready = Callable[[str], Awaitable[None]]
"""Called when everything runs, with the receiver's URL of the account that a person may post to."""

Paint = Callable[[View], None]
"""Shows the figures; called in a thread, because a terminal may be held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`rate` webhooks a second of all accounts together for `seconds`, or until a signal.

    A new picture comes every `refresh` seconds.
    """

    rate: float
    seconds: float | None
    refresh: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the demo ended: the last figures, what the final check found, and whether all came to its end in time."""

    view: View
    audit: Audit
    settled: bool
    unchecked: int

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, forged, mixed, or left unanswered or unconfirmed."""
        report = self.view.report
        return self.audit.clean and self.settled and report.given_up == 0 and report.accepted_forgery == 0


class Show:
    """One run of the demo. The first site is that of the account that a person may post to."""

    def __init__(self, sites: Sequence[Site], folder: Folder, options: Options) -> None:
        self._sites, self._folder, self._options = sites, folder, options
        self._stop, self._hurry = asyncio.Event(), asyncio.Event()
        self._began = asyncio.get_running_loop().time()
        self._phase = "running"

    async def run(self, ready: Ready, paint: Paint) -> Outcome:
        """Run until the time is over or a signal comes; a second signal ends the wait for what is on its way."""
        with stopped_by_signals(self._on_signal):
            async with AsyncExitStack() as stack:
                config = await self._configure(stack)
                log = open_log(config.broker, ingesting=False)
                await log.start()
                stack.push_async_callback(log.stop)
                await log.settled(_VERDICT)
                async with AsyncExitStack() as inner:
                    parts = await self._start(config, log, inner)
                    await ready(parts.sites[0].engine.url)
                    settled = await self._perform(parts, paint)
                return await self._check(parts, settled=settled)

    def _on_signal(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def _configure(self, stack: AsyncExitStack) -> Config:
        data = await asyncio.to_thread(self._folder.data.resolve)
        accounts = {site.account: await site.serve(data, stack) for site in self._sites}
        ports = await asyncio.to_thread(files.free_ports, 2)
        for site in self._sites:
            await asyncio.to_thread(files.write_keys, self._folder, site.account, site.cloud.environment())
        await asyncio.to_thread(files.write_config, self._folder, accounts, ports)
        return await asyncio.to_thread(load_config, self._folder.config, os.environ)

    async def _start(self, config: Config, log: Log, stack: AsyncExitStack) -> "_Parts":
        application = Application(config, frozenset(Role))
        await application.start()
        stack.push_async_callback(_bounded, application.stop)
        base = f"http://{application.receiver_address}/webhooks"
        sites = [
            await site.deliver(
                f"{base}/{site.account}", config.accounts[site.account], strangers_of(site, self._sites), stack
            )
            for site in self._sites
        ]
        await self._renew()
        return _Parts(application, sites, Watcher(log, {one.site.account: one.watch for one in sites}), log)

    async def _perform(self, parts: "_Parts", paint: Paint) -> bool:
        """Send for the time asked, then wait until all is settled."""
        background = [self._watch(parts), self._paint(parts, paint), self._keep_renewing()]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in background]
            traffic = [group.create_task(work) for work in self._traffic(parts.sites)]
            await self._until_stopped()
            self._phase = "finishing what is on its way"
            await _cancelled(*traffic)
            settled = await settle(parts.quiet, parts.broken, parts.log, self._hurry)
            self._phase = "ended"
            await _cancelled(*tasks)
        await asyncio.to_thread(paint, self._view(parts))
        return settled

    async def _check(self, parts: "_Parts", *, settled: bool) -> Outcome:
        view, now = self._view(parts), from_clock(time.time)
        expected = {one.site.account: await asyncio.to_thread(one.expected, now) for one in parts.sites}
        audit = check(expected, await stored_of(parts.log))
        return Outcome(view, audit, settled, sum(site.deliveries.unchecked for site in self._sites))

    async def _until_stopped(self) -> None:
        try:
            async with asyncio.timeout(self._options.seconds):
                await self._stop.wait()
        except TimeoutError:
            self._stop.set()

    def _traffic(self, sites: Sequence[RunningSite]) -> Sequence[Coroutine[Any, Any, None]]:
        """Return the sending of each site: all at the same rate, one after another."""
        rate = self._options.rate
        return [work for number, one in enumerate(sites) for work in one.traffic(rate / len(sites), number / rate)]

    async def _watch(self, parts: "_Parts") -> None:
        await parts.watcher.run()

    async def _paint(self, parts: "_Parts", paint: Paint) -> None:
        while True:
            await asyncio.to_thread(paint, self._view(parts))
            await asyncio.sleep(self._options.refresh)

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(_RENEW)
            await self._renew()

    async def _renew(self) -> None:
        """Write a new message for `curl`, signed now."""
        site = self._sites[0]
        question = _question(site.cloud)
        body = question.body(1)
        headers = delivery_headers(site.cloud, question, body, time.time(), f"/webhooks/{site.account}")
        await asyncio.to_thread(files.write_request, self._folder, body, headers)

    def _view(self, parts: "_Parts") -> View:
        options = self._options
        elapsed = asyncio.get_running_loop().time() - self._began
        return View(
            elapsed=elapsed,
            remaining=None if options.seconds is None else max(0.0, options.seconds - elapsed),
            phase=self._phase,
            log_state=parts.log.state,
            report=report_of(parts.sites),
            accounts=[one.view() for one in parts.sites],
            refusals=_refusals(parts.application),
            feed=parts.watcher.latest(16),
        )


@dataclass(frozen=True, slots=True)
class _Parts:
    application: Application
    sites: Sequence[RunningSite]
    watcher: Watcher
    log: Log

    def quiet(self) -> bool:
        """Whether nothing is on its way. A reply makes delivery reports: both must be quiet in one look."""
        return all(one.quiet for one in self.sites)

    def broken(self) -> bool:
        """Whether a delivery broke on a bug of its cloud."""
        return any(engine.broken for one in self.sites for engine in one.engines)


def _question(cloud: Cloud) -> Outgoing:
    """Return a message of the cloud's traffic that has to be answered."""
    traffic = webhooks(cloud, Random(), forgeries=False)  # noqa: S311 - traffic is no secret
    return next(outgoing for outgoing in traffic if outgoing.expects_reply)


def _refusals(application: Application) -> Mapping[str, int]:
    """Return the receiver's own count of refusals by reason."""
    found: dict[str, int] = {}
    # This family alone: others read files when they are collected.
    for family in application.registry.restricted_registry([_REFUSALS]).collect():
        for sample in family.samples:
            if sample.name == _REFUSALS:
                reason = sample.labels["reason"]
                found[reason] = found.get(reason, 0) + int(sample.value)
    return found


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _bounded(stop: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async with asyncio.timeout(_STOP_WAIT):
        await stop()
