"""Running an application until a signal comes."""

import asyncio
import contextlib
import resource
import signal
from collections.abc import Callable

from hookline.configuration.config import Config
from hookline.process.application import Application
from hookline.process.logs import configure_logs
from hookline.process.roles import Role

_MOST_FILES = 65_536


def serve(config: Config, roles: frozenset[Role]) -> int:
    """Run the roles until SIGTERM or Ctrl-C and return the exit status.

    A second signal ends at once; what was acknowledged is safe then too.
    """
    configure_logs(config.logging)
    _allow_connections()
    application = Application(config, roles)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_serve(application))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop where it is installed, else None for Python's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _allow_connections() -> None:
    """Use as many open files as the system lets us: many shells allow 1024 by default, below `max_connections`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(application: Application) -> int:
    stop = asyncio.Event()
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    with contextlib.suppress(asyncio.CancelledError):
        await application.run_until(stop)
    return 0
