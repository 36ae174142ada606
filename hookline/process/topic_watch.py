"""Whether the topics are there. The embedded log makes its own; on Kafka they are the operator's."""

import asyncio
from typing import Any

import structlog

from broker.log import Log, LogError
from broker.settings import BrokerSettings
from hookline.topics import SAFE_COPIES, missing_names, wanted_topics
from schemas.topics import CATALOGUE

PAUSE = 5.0
"""Seconds between two looks while topics are missing or the log is away."""

_DEADLINE = 30.0
logger: Any = structlog.get_logger()


class TopicWatch:
    """Makes the topics on the embedded log; on Kafka looks until none is missing."""

    def __init__(self, log: Log, settings: BrokerSettings) -> None:
        self._log = log
        self._specs = wanted_topics()
        self._embedded = settings.url.startswith("sqlite:")
        self._copies = settings.kafka.min_insync_replicas
        self._task: asyncio.Task[None] | None = None
        self.missing: tuple[str, ...] = ()

    @property
    def prevent_storing(self) -> bool:
        """Whether a topic is missing that webhooks or commands are stored in; a dead-letter topic is none of them."""
        return any(topic.name in self.missing for topic in CATALOGUE)

    @property
    def trouble(self) -> str:
        """What an operator should mend although records are stored, or nothing."""
        if self.missing:
            return f"topics missing, `hookline topics apply` makes them: {', '.join(self.missing)}"
        if not self._embedded and self._copies < SAFE_COPIES:
            return f"min_insync_replicas is {self._copies}: a broker's loss may take what was acknowledged"
        return ""

    async def start(self) -> None:
        """Make the topics, or begin to look. Raises LogError on the embedded log."""
        if self._embedded:
            async with asyncio.timeout(_DEADLINE):
                await self._log.apply_topics(await self._log.plan_topics(self._specs))
        else:
            self._task = asyncio.create_task(self._watch(), name="topic watch")

    async def stop(self) -> None:
        """Stop looking."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _watch(self) -> None:
        while True:
            if await self._all_there():
                return
            await asyncio.sleep(PAUSE)

    async def _all_there(self) -> bool:
        try:
            async with asyncio.timeout(_DEADLINE):
                plan = await self._log.plan_topics(self._specs)
        except (LogError, TimeoutError):
            # The log's own state tells that it is away.
            return False
        found = missing_names(plan)
        if found and found != self.missing:
            logger.error("topics_missing", topics=found, advice="hookline topics apply")
        self.missing = found
        return not found
