"""Whether the topics are there. The embedded log makes its own; on Kafka they are the operator's."""

import asyncio
from typing import Any

import structlog

from broker.background import keep_going
from broker.log import Log, LogError, LogState
from broker.settings import BrokerSettings
from hookline.topics import SAFE_COPIES, missing_names, wanted_topics
from schemas.topics import CATALOGUE

PAUSE = 5.0
"""Seconds between two looks while topics are missing or the log is away."""

REST = 30.0
"""Seconds between two looks at topics that were there: somebody may delete one."""

_DEADLINE = 30.0
logger: Any = structlog.get_logger()


class TopicWatch:
    """Makes the topics on the embedded log; on Kafka looks whether one is missing, for as long as it runs."""

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
        """Make the topics, or look whether they are there; what does not work now is tried again in a task."""
        if self._embedded and self._log.state is not LogState.AWAY and await self._look():
            return
        self._task = asyncio.create_task(keep_going("topic watch", self._watch), name="topic watch")

    async def stop(self) -> None:
        """Stop looking."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _watch(self) -> None:
        while True:
            well = await self._look()
            if well and self._embedded:
                return
            await asyncio.sleep(REST if well else PAUSE)

    async def _look(self) -> bool:
        """Return whether all topics are there. A log that cannot tell has a state that says so."""
        try:
            async with asyncio.timeout(_DEADLINE):
                plan = await self._log.plan_topics(self._specs)
                if self._embedded:
                    await self._log.apply_topics(plan)
                    return True
        except (LogError, TimeoutError):
            return False
        self._note(missing_names(plan))
        return not self.missing

    def _note(self, missing: tuple[str, ...]) -> None:
        if missing and missing != self.missing:
            logger.error("topics_missing", topics=missing, advice="hookline topics apply")
        self.missing = missing
