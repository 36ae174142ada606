"""The parent of several workers: it owns the sockets they listen on, starts the workers, replaces those that end.

It takes no part in the way of a webhook. A connection that waits to be accepted belongs to the socket, which the
parent holds open, so that it outlives any worker while there are others. Where no worker is left the parent has the
system refuse connections until one listens again: whoever is refused knows at once that he has to go elsewhere.
"""

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import socket
import stat
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from hookline.configuration.addresses import Address, parse_address
from hookline.configuration.config import Config, ConfigError
from hookline.errors import USAGE, CommandError
from hookline.process.admin import PagesServer
from hookline.process.application import longest_stop
from hookline.process.merged_answers import Member
from hookline.process.merged_metrics import SupervisorMetrics
from hookline.process.metrics import watch_process
from hookline.process.racing import unless
from hookline.process.restarts import Ending, Streak, hopeless
from hookline.process.worker_link import Place
from hookline.process.worker_process import WorkerProcess
from hookline.process.worker_questions import MergedPages, Questions, admin_path
from hookline.version import __version__
from ingest.listening import bind, close_all, refuse_all

# A worker that takes all its time is cut short by a twelfth of it, in what it closes after all work was done: with the
# defaults at 8.8 s. Reaping it and closing here may take a second on a busy machine; all is to be over in 10 s (P6).
_SHARE = 11 / 12
# For the kernel to take away what was killed.
_AFTER_KILL = 1.0
_TIDY = 0.2

logger: Any = structlog.get_logger()


@dataclass
class _Slot:
    """The place of one worker, and who is in it now."""

    number: int
    process: WorkerProcess | None = None
    streak: Streak = field(default_factory=Streak)
    restarts: int = 0

    @property
    def up(self) -> bool:
        return self.process is not None and self.process.up

    @property
    def member(self) -> Member:
        return Member(self.number, self.process.pid if self.process else None, self.restarts)


class Supervisor:
    """Runs `count` workers of the command until it is told to stop."""

    def __init__(self, config: Config, count: int, command: Sequence[str]) -> None:
        self._config = config
        self._command = command
        self._slots = [_Slot(number) for number in range(1, count + 1)]
        self._folder = Path()
        self._listeners: tuple[socket.socket, ...] = ()
        self._ending = asyncio.Event()
        self._ever_up = False
        self._last_up = time.monotonic()
        own, process = CollectorRegistry(), CollectorRegistry()
        watch_process(process)
        self._metrics = SupervisorMetrics(own)
        self._metrics.expect(slot.number for slot in self._slots)
        self._metrics.running.set_function(lambda: float(sum(slot.process is not None for slot in self._slots)))
        self._registries = (own, process)

    async def run(self, stop: asyncio.Event) -> None:
        """Start the workers and keep them until the event; then end all in order.

        Raises ListenError, ListenFailedError, and ConfigError or CommandError where no worker can start.
        """
        self._folder = await asyncio.to_thread(_private_folder)
        questions = Questions(self._folder, [slot.number for slot in self._slots])
        pages = MergedPages(questions, lambda: [slot.member for slot in self._slots], self._metrics, *self._registries)
        pages.down = self._down
        admin = PagesServer(parse_address(self._config.server.admin), pages)
        try:
            if await unless(stop, self._open(questions, admin)):
                await self._keep_all(stop, pages)
            logger.info("stopped")
        finally:
            close_all(self._listeners)
            await admin.stop()
            await questions.close()
            with contextlib.suppress(TimeoutError):
                # All threads may hang, and the signal was long ago.
                async with asyncio.timeout(_TIDY):
                    await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _open(self, questions: Questions, admin: PagesServer) -> None:
        self._listeners = await bind(self._config.server.listen)
        questions.open()
        await admin.start()
        logger.info("supervising", version=__version__, workers=len(self._slots), **self._addresses(admin))

    def _addresses(self, admin: PagesServer) -> dict[str, str]:
        host, port = self._listeners[0].getsockname()[:2]
        return {"receiver": str(Address(host, port)), "admin": admin.address}

    async def _keep_all(self, stop: asyncio.Event, pages: MergedPages) -> None:
        """Own the task of each worker. Whatever happens here, no worker outlives it."""
        keepers = [asyncio.create_task(self._keep(slot), name=f"worker {slot.number}") for slot in self._slots]
        stopper = asyncio.create_task(stop.wait(), name="waiting for the signal")
        try:
            await asyncio.wait({*keepers, stopper}, return_when=asyncio.FIRST_COMPLETED)
            logger.info("stopping")
            pages.draining = True
            await self._end(keepers)
        finally:
            stopper.cancel()
            self._send_all(signal.SIGKILL)
            for keeper in keepers:
                keeper.cancel()
            await asyncio.wait({stopper, *keepers}, timeout=_AFTER_KILL)
        for keeper in keepers:
            if keeper.done() and not keeper.cancelled():
                keeper.result()

    async def _end(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        self._ending.set()
        # The workers go on listening for as long as they have to; with the last of them the sockets are closed.
        close_all(self._listeners)
        self._send_all(signal.SIGTERM)
        _, pending = await asyncio.wait(keepers, timeout=longest_stop(self._config.server) * _SHARE)
        if pending:
            left = [slot.number for slot in self._slots if slot.process is not None]
            logger.warning("workers_killed", workers=left)
            self._send_all(signal.SIGKILL)
            await asyncio.wait(pending, timeout=_AFTER_KILL)

    def _send_all(self, number: signal.Signals) -> None:
        for slot in self._slots:
            if slot.process is not None:
                slot.process.send(number)

    async def _keep(self, slot: _Slot) -> None:
        """Keep a worker in this place until the end."""
        while not self._ending.is_set():
            ending = await self._life(slot)
            if self._ending.is_set():
                return
            if ending is not None:
                self._refuse_crash_loop(slot, ending)
            slot.streak = slot.streak.after(ending.seconds if ending else 0.0)
            self._note(slot, ending)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(slot.streak.pause):
                    await self._ending.wait()

    async def _life(self, slot: _Slot) -> Ending | None:
        """Start a worker and wait for its end; None where none could be started."""
        try:
            await asyncio.to_thread(_keep_private, self._folder)
            process = await WorkerProcess.start(self._command, self._place(slot))
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            logger.error("worker_not_started", worker=slot.number, reason=reason)  # noqa: TRY400 - the reason is all
            return None
        slot.process = process
        try:
            logger.info("worker_started", worker=slot.number, pid=process.pid)
            if self._ending.is_set():
                # The signal for all went out before this one was there.
                process.send(signal.SIGTERM)
            return await process.wait()
        finally:
            self._took_leave(slot, process)

    def _took_leave(self, slot: _Slot, process: WorkerProcess) -> None:
        slot.process = None
        if process.up:
            self._ever_up = True
            self._last_up = time.monotonic()
        if not self._ending.is_set() and all(other.process is None for other in self._slots):
            # Nobody is about to listen either, whose socket this would be.
            logger.warning("refusing_connections", reason="no worker is left")
            refuse_all(self._listeners)

    def _down(self) -> float:
        """Return for how many seconds no worker has been up."""
        return 0.0 if any(slot.up for slot in self._slots) else time.monotonic() - self._last_up

    def _note(self, slot: _Slot, ending: Ending | None) -> None:
        slot.restarts += 1
        self._metrics.restarted(slot.number)
        if ending is not None:
            pause = slot.streak.pause
            logger.error(
                "worker_ended", worker=slot.number, how=ending.how, seconds=round(ending.seconds, 3), pause=pause
            )

    def _place(self, slot: _Slot) -> Place:
        return Place(
            number=slot.number,
            of=len(self._slots),
            listeners=tuple(each.fileno() for each in self._listeners),
            link=-1,  # made with the process
            admin=admin_path(self._folder, slot.number),
        )

    def _refuse_crash_loop(self, slot: _Slot, ending: Ending) -> None:
        others_up = any(other.up for other in self._slots)
        if hopeless(ending, others_up=others_up, ever_up=self._ever_up):
            kind = ConfigError if ending.status == USAGE else CommandError
            raise kind(f"worker {slot.number} could not start: its own line above tells why")


def _private_folder() -> Path:
    # mkdtemp gives a folder that nobody else may enter (0700).
    return Path(tempfile.mkdtemp(prefix="hookline-"))


def _keep_private(folder: Path) -> None:
    """Make the folder again where somebody took it away. Raises OSError, also where another user has made it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), folder)
