"""One worker as its parent has it: a process, the link to it, and what is known of it."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import hookline
from hookline.process.restarts import Ending
from hookline.process.worker_link import UP, VARIABLE, Place


def worker_command(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the command line that runs `hookline ARGUMENTS` from the very code that runs here."""
    here = str(Path(hookline.__file__).parents[1])
    # `-m` looks into the working directory first, which may hold a module that is named like one of ours. Only where
    # this process was found there, its workers are to be found there as well.
    safe = () if sys.path[0] in {"", here} else ("-P",)
    return (sys.executable, *safe, "-m", "hookline", *arguments)


class WorkerProcess:
    """A worker that was started. Whoever starts it has to wait for its end."""

    def __init__(self, process: asyncio.subprocess.Process, link: socket.socket) -> None:
        self._process = process
        self._link = link
        self._began = time.monotonic()
        self._watched = True
        self.up = False
        asyncio.get_running_loop().add_reader(link, self._on_news)

    @classmethod
    async def start(cls, command: Sequence[str], place: Place) -> "WorkerProcess":
        """Start the command as the worker of that place; its link is made here. Raises OSError.

        The worker inherits stdout and stderr, the listeners, and nothing else.
        """
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        told = replace(place, link=theirs.fileno())
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(told.link, *told.listeners),
                env={**os.environ, VARIABLE: told.to_text()},
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return cls(process, ours)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if the process is there still."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def wait(self) -> Ending:
        """Return how it ended. Takes as long as it lives."""
        status = await self._process.wait()
        if self._watched:
            # It may have been up for less than one turn of our loop.
            self._on_news()
        self._forget()
        self._link.close()
        return Ending(status, self.up, time.monotonic() - self._began)

    def _on_news(self) -> None:
        with contextlib.suppress(OSError):
            self.up = self._link.recv(1) == UP
        self._forget()

    def _forget(self) -> None:
        if self._watched:
            self._watched = False
            asyncio.get_running_loop().remove_reader(self._link)
