"""Consumers as owned tasks. One that dies is logged and shown; it never takes its neighbours along."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import structlog

from consumers.loop.run import ConsumerHealth

logger: Any = structlog.get_logger()


class Loop(Protocol):
    """What a worker runs: `consumers.loop.ConsumeLoop`."""

    async def run(self) -> None:
        """Consume until stopped."""
        ...

    def stop(self) -> None:
        """Ask `run` to finish what is in hand and return."""
        ...

    def health(self) -> ConsumerHealth:
        """Tell how the loop is."""
        ...


# For a task to take notice that it was cancelled.
_CANCEL_WAIT = 0.3


class Worker:
    """Owns the task of one consumer's loop."""

    def __init__(self, name: str, loop: Loop) -> None:
        self.name = name
        self._loop = loop
        self._task: asyncio.Task[None] | None = None
        self._failure: str | None = None

    @property
    def running(self) -> bool:
        """Whether the consumer is a member of its group now, be it that it stands by."""
        return self._task is not None and not self._task.done() and self._loop.health().running

    def start(self) -> None:
        """Begin to consume."""
        self._task = asyncio.create_task(self._run(), name=f"consumer {self.name}")

    async def stop(self, patience: float) -> None:
        """Let the loop finish what is in hand for `patience` seconds, then cancel it."""
        task, self._task = self._task, None
        if task is None:
            return
        self._loop.stop()
        try:
            _, pending = await asyncio.wait({task}, timeout=patience)
            if pending:
                logger.warning("consumer_not_drained", consumer=self.name, seconds=patience)
        finally:
            task.cancel()
            await asyncio.wait({task}, timeout=_CANCEL_WAIT)

    def health(self) -> Mapping[str, Any]:
        """Return what the health page shows of this consumer."""
        found = self._loop.health()
        return {
            "running": self.running,
            "reason": self._failure or found.reason,
            "detail": found.detail,
            "partitions": len(found.assigned),
            "lag": found.lag,
            "waiting_for_retry": found.waiting,
            "last_progress": found.last_progress,
        }

    async def _run(self) -> None:
        try:
            await self._loop.run()
        except Exception as error:
            self._failure = type(error).__name__
            logger.exception("consumer_died", consumer=self.name)
        else:
            logger.info("consumer_ended", consumer=self.name)
