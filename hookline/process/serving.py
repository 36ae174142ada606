"""Running an application until a signal comes."""

import asyncio
import contextlib
import resource
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from hookline.configuration.config import Config
from hookline.kit.finding import Found
from hookline.process.application import Application
from hookline.process.ending import ENDING, run_to_end
from hookline.process.logs import configure_logs
from hookline.process.roles import Role
from hookline.process.startup import endpoints_of
from hookline.process.worker_link import Link, Place, share_of

_MOST_FILES = 65_536
# Beside connections from outside: the log, the spool, providers' APIs, the admin address.
_OTHER_FILES = 128
_TIDY = 0.2

logger: Any = structlog.get_logger()


def serve(config: Config, roles: frozenset[Role], others: Sequence[Found] = ()) -> int:
    """Run the roles, and consumers of other teams, until SIGTERM or Ctrl-C and return the exit status.

    A second signal ends at once; what was acknowledged is safe then too.
    """
    lines = configure_logs(config.logging)
    application = Application(_allow_connections(config), roles, others=others)
    return run_to_end(_serve(application), lines.flush)


def serve_worker(config: Config, place: Place) -> int:
    """Run one of several receivers until a signal comes or its parent ends, and return the exit status."""
    lines = configure_logs(config.logging, worker=place.number)
    application = Application(share_of(_allow_connections(config), place.of), frozenset({Role.INGEST}), place=place)
    return run_to_end(_serve_worker(application, place), lines.flush)


def supervise(config: Config, count: int, arguments: Sequence[str]) -> int:
    """Run `count` workers, each `hookline ARGUMENTS`, until a signal comes, and return the exit status.

    Raises ConfigError where they could not work at all, before any of them is started.
    """
    from hookline.process.supervisor import Supervisor
    from hookline.process.worker_process import worker_command

    endpoints_of(config)
    lines = configure_logs(config.logging)
    _allow_connections(config)

    async def run() -> int:
        return await until_signal(Supervisor(config, count, worker_command(arguments)).run)

    return run_to_end(run(), lines.flush)


def _allow_connections(config: Config) -> Config:
    """Return the configuration with no more connections than there can be open files, after asking for many.

    A receiver that runs out of them cannot even write its spool.
    """
    soft = _raise_limit()
    most = max(1, soft - _OTHER_FILES)
    if soft == resource.RLIM_INFINITY or config.server.max_connections <= most:
        return config
    logger.warning("fewer_connections", max_connections=most, open_files=soft, wanted=config.server.max_connections)
    return replace(config, server=replace(config.server, max_connections=most))


def _raise_limit() -> int:
    """Use as many open files as the system lets us, and return how many: many shells allow 1024 by default."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


async def _serve(application: Application) -> int:
    return await until_signal(application.run_until)


async def _serve_worker(application: Application, place: Place) -> int:
    stop = asyncio.Event()
    link = Link(place.link)
    link.watch(stop.set)
    for number in ENDING:
        # The parent and whoever started it may both send one, so that a second is no wish to end at once. That is
        # the parent's to decide, by SIGKILL.
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await application.run_until(stop, up=link.tell_up)
    finally:
        orphan = link.parent_gone
        link.close()
        with contextlib.suppress(TimeoutError):
            # All threads may hang. The parent takes the folder away then.
            async with asyncio.timeout(_TIDY):
                await asyncio.to_thread(_tidy, place.admin, orphan=orphan)
    return 0


async def until_signal(run: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Run with an event that SIGTERM and Ctrl-C set; a second signal cancels."""
    stop = asyncio.Event()
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        stop.set()

    for number in ENDING:
        loop.add_signal_handler(number, on_signal)
    with contextlib.suppress(asyncio.CancelledError):
        await run(stop)
    return 0


def _tidy(admin: Path, *, orphan: bool) -> None:
    """Take the socket away, and of an orphan the folder with the last: a parent that was killed cannot.

    A parent that lives needs the folder for the workers that come next.
    """
    with contextlib.suppress(OSError):
        admin.unlink(missing_ok=True)
        if orphan:
            admin.parent.rmdir()
