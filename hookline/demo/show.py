"""The demo at work: everything started in order, watched, ended in order, and checked against the log."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

from broker.log import Log
from broker.opening import open_log
from hookline.configuration.config import Config, load_config
from hookline.demo import folder as files
from hookline.demo.audit import Findings, check
from hookline.demo.collect import expected_of, stored_of
from hookline.demo.folder import Folder
from hookline.demo.settle import settle
from hookline.demo.view import View
from hookline.demo.watcher import Watcher
from hookline.process.application import Application
from hookline.process.roles import Role
from hookline.simulator.api import CloudApi
from hookline.simulator.deliveries import Deliveries
from hookline.simulator.engine import Engine, delivery_headers
from hookline.simulator.pacing import Pacer
from hookline.simulator.run import stopped_by_signals, webhooks
from providers.simulation import Cloud, Outgoing
from schemas.times import from_clock

ACCOUNT = "main"
_REFUSALS = "hookline_refusals_total"
_RENEW = 30.0
_STOP_WAIT = 15.0
Ready = Callable[[str], Awaitable[None]]
"""Called with the receiver's URL when everything runs."""

Paint = Callable[[View], None]
"""Shows the figures; called in a thread, because a terminal may be held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`rate` webhooks a second for `seconds`, or until a signal; a new picture every `refresh` seconds."""

    rate: float
    seconds: float | None
    refresh: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the demo ended: the last figures, what the final check found, and whether all came to its end in time."""

    view: View
    findings: Findings
    settled: bool
    unchecked: int

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, forged, or left unanswered."""
        report = self.view.report
        return self.findings.clean and self.settled and report.given_up == 0 and report.accepted_forgery == 0


class Show:
    """One run of the demo."""

    def __init__(self, cloud: Cloud, folder: Folder, options: Options) -> None:
        self._cloud, self._folder, self._options = cloud, folder, options
        self._deliveries = Deliveries()
        self._api = CloudApi(cloud)
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
                async with AsyncExitStack() as inner:
                    parts = await self._start(config, log, inner)
                    await ready(parts.engine.url)
                    settled = await self._perform(parts, paint)
                view = self._view(parts)
                return await self._check(config, log, view, settled=settled)

    def _on_signal(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def _configure(self, stack: AsyncExitStack) -> Config:
        base_url = await self._api.start()
        stack.push_async_callback(self._api.stop)
        lines = self._cloud.account_lines(base_url, files.key_reference)
        ports = await asyncio.to_thread(files.free_ports, 2)
        await asyncio.to_thread(files.write_keys, self._folder, self._cloud.environment())
        await asyncio.to_thread(files.write_config, self._folder, lines, ports)
        return await asyncio.to_thread(load_config, self._folder.config, os.environ)

    async def _start(self, config: Config, log: Log, stack: AsyncExitStack) -> "_Parts":
        application = Application(config, frozenset(Role))
        await application.start()
        stack.push_async_callback(_bounded, application.stop)
        url = f"http://{application.receiver_address}/webhooks/{ACCOUNT}"
        engine = Engine(self._cloud, url, deliveries=self._deliveries)
        await engine.start()
        stack.push_async_callback(engine.stop)
        self._api.engine = engine
        await self._renew()
        return _Parts(application, engine, Watcher(log, self._deliveries), log)

    async def _perform(self, parts: "_Parts", paint: Paint) -> bool:
        """Send for the time asked, then wait until all is settled."""
        background = [self._watch(parts), self._paint(parts, paint), self._keep_renewing()]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in background]
            traffic = group.create_task(self._send(parts.engine))
            await self._until_stopped()
            self._phase = "finishing what is on its way"
            await _cancelled(traffic)
            settled = await settle(parts.engine, parts.watcher, self._hurry)
            self._phase = "ended"
            await _cancelled(*tasks)
        await asyncio.to_thread(paint, self._view(parts))
        return settled

    async def _check(self, config: Config, log: Log, view: View, *, settled: bool) -> Outcome:
        account = config.accounts[ACCOUNT]
        expected = await asyncio.to_thread(
            expected_of, self._deliveries, self._api.effects, account, from_clock(time.time)
        )
        findings = check(expected, await stored_of(log))
        return Outcome(view, findings, settled, self._deliveries.unchecked)

    async def _until_stopped(self) -> None:
        try:
            async with asyncio.timeout(self._options.seconds):
                await self._stop.wait()
        except TimeoutError:
            self._stop.set()

    async def _send(self, engine: Engine) -> None:
        pacer = Pacer(self._options.rate)
        for outgoing in webhooks(self._cloud, Random()):  # noqa: S311 - traffic is no secret
            await pacer.turn()
            await engine.submit(outgoing)

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
        question = _question(self._cloud)
        body = question.body(1)
        headers = delivery_headers(self._cloud, question, body, time.time(), f"/webhooks/{ACCOUNT}")
        await asyncio.to_thread(files.write_request, self._folder, body, headers)

    def _view(self, parts: "_Parts") -> View:
        watcher, options = parts.watcher, self._options
        elapsed = asyncio.get_running_loop().time() - self._began
        return View(
            elapsed=elapsed,
            remaining=None if options.seconds is None else max(0.0, options.seconds - elapsed),
            phase=self._phase,
            log_state=parts.log.state,
            report=parts.engine.report(),
            stored=watcher.confirmed,
            records=watcher.webhooks,
            lost=watcher.lost,
            by_type={str(name): number for name, number in watcher.by_type.items()},
            refusals=_refusals(parts.application),
            commands=watcher.commands,
            outcomes=dict(watcher.outcomes),
            replies_expected=watcher.replies_expected,
            replies_done=watcher.replies_done,
            feed=watcher.latest(16),
        )


@dataclass(frozen=True, slots=True)
class _Parts:
    application: Application
    engine: Engine
    watcher: Watcher
    log: Log


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
