"""The very end of a process: it comes in time and with the status that was earned, whatever threads hang in.

By then all is stopped in order. What may still hold the end are threads that wait for the system, which nobody can
cancel: a resolver that does not answer, a disk that hangs. asyncio, uvloop and the interpreter all wait for theirs.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from consumers.loop.pool import ApartPool
from hookline.errors import report

ENDING = (signal.SIGTERM, signal.SIGINT)
"""The signals that ask a process to end."""

CLOSING = 0.25
"""Seconds that the loop, the threads and the interpreter have to close. With nothing that hangs it takes a few ms."""

_LAST_WORDS = 0.1


def run_to_end(work: Coroutine[Any, Any, int], flush: Callable[[float], object]) -> int:
    """Run the work on a loop of its own and return its exit status; the process ends soon after that in any case.

    An error of the work is told on stderr, and makes the status. `flush` writes waiting log lines, within seconds.
    """
    limit = _Limit(flush)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        # One for all that a loop does in threads, in which handlers of consumers have their own.
        runner.get_loop().set_default_executor(ApartPool())
        try:
            status = runner.run(work)
        except Exception as error:  # noqa: BLE001 - told here, since what closes next may hang
            status = report(error)
        limit.begin(status)
        _ignore_signals(runner.get_loop())
    return status


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop where it is installed, else None for Python's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


class _Limit:
    """A thread that ends the process. It is there from the start: at the end there might be none to be had."""

    def __init__(self, flush: Callable[[float], object]) -> None:
        self._flush = flush
        self._status = 0
        self._begun = threading.Event()
        threading.Thread(target=self._run, name="end of the process", daemon=True).start()

    def begin(self, status: int) -> None:
        """Let the process live for CLOSING seconds and no longer."""
        self._status = status
        self._begun.set()

    def _run(self) -> None:
        self._begun.wait()
        time.sleep(CLOSING)
        self._flush(_LAST_WORDS)
        os._exit(self._status)


def _ignore_signals(loop: asyncio.AbstractEventLoop) -> None:
    """Keep the status where one more signal comes: the end is near, and has nothing left to cut short.

    A loop that closes, and an interpreter that ends, give handlers back to the system's default, which kills. What is
    ignored stays so.
    """
    for number in ENDING:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)
