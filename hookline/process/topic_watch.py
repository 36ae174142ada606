"""Whether the topics are there. The embedded log makes its own; on Kafka they are the operator's.

Those of another team's consumer are made on Kafka too, where its rights allow it: nobody else knows of them.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from broker.background import keep_going
from broker.log import Log, LogError, LogState, PlannedTopic, TopicChange
from broker.settings import BrokerSettings
from hookline.kit.finding import Found
from hookline.topics import SAFE_COPIES, missing_names, topics_of_groups, topics_of_readers, wanted_topics
from schemas.topics import CATALOGUE

PAUSE = 5.0
"""Seconds between two looks while topics are missing or the log is away."""

REST = 30.0
"""Seconds between two looks at topics that were there: somebody may delete one."""

_DEADLINE = 30.0
_FIRST_LOOK = 10.0
logger: Any = structlog.get_logger()


class TopicWatch:
    """Makes the topics on the embedded log; on Kafka looks whether one is missing, for as long as it runs.

    `others` are other teams' consumers in this process. Where they are `alone` in it, only their topics count, and no
    more is asked of Kafka than one may ask who has the rights of a reader.
    """

    def __init__(
        self, log: Log, settings: BrokerSettings, others: Sequence[Found] = (), *, alone: bool = False
    ) -> None:
        self._log = log
        groups = [found.listed for found in others]
        self._others = frozenset(topic.name for topic in topics_of_groups(groups))
        self._words = " ".join(("hookline topics apply", *(f"--consumer {found.spec}" for found in others)))
        self._embedded = settings.url.startswith("sqlite:")
        self._alone = alone and not self._embedded
        self._specs = topics_of_readers(groups) if self._alone else wanted_topics(groups)
        self._copies = settings.kafka.min_insync_replicas
        self._task: asyncio.Task[None] | None = None
        self._doubt = ""
        self.missing: tuple[str, ...] = ()

    @property
    def prevent_storing(self) -> bool:
        """Whether a topic is missing that webhooks or commands are stored in; a dead-letter topic is none of them."""
        return any(topic.name in self.missing for topic in CATALOGUE)

    @property
    def trouble(self) -> str:
        """What an operator should mend although records are stored, or nothing."""
        if self.missing:
            return f"topics missing, `{self._advice}` makes them: {', '.join(self.missing)}"
        if not self._embedded and self._copies < SAFE_COPIES:
            return f"min_insync_replicas is {self._copies}: a broker's loss may take what was acknowledged"
        return ""

    async def start(self) -> None:
        """Make the topics, or look whether they are there; what does not work now is tried again in a task."""
        if self._embedded and self._log.state is not LogState.AWAY and await self._look():
            return
        if not self._embedded and self._others:
            # A consumer that joins its group before its topics are there learns of them a minute later.
            await self._look(_FIRST_LOOK)
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

    async def _look(self, seconds: float = _DEADLINE) -> bool:
        """Return whether all topics are there. A log that cannot tell has a state that says so."""
        try:
            async with asyncio.timeout(seconds):
                plan = await self._plan()
                if self._embedded:
                    await self._log.apply_topics(plan)
                    return True
                made = await self._make(plan)
        except (LogError, TimeoutError) as error:
            self._note_doubt(error)
            return False
        self._note(tuple(name for name in missing_names(plan) if name not in made))
        return not self.missing

    async def _plan(self) -> Sequence[PlannedTopic]:
        if not self._alone:
            return await self._log.plan_topics(self._specs)
        return [
            PlannedTopic(spec, TopicChange.KEEP if await self._log.partitions(spec.name) else TopicChange.CREATE)
            for spec in self._specs
        ]

    async def _make(self, plan: Sequence[PlannedTopic]) -> frozenset[str]:
        """Make the topics of other teams' consumers that are missing; return which were made."""
        wanted = [item for item in plan if item.change is TopicChange.CREATE and item.spec.name in self._others]
        if not wanted:
            return frozenset()
        names = frozenset(item.spec.name for item in wanted)
        try:
            await self._log.apply_topics(wanted)
        except LogError as error:
            if names - {*self.missing}:
                logger.warning("topics_not_made", topics=sorted(names), reason=str(error))
            return frozenset()
        logger.info("topics_made", topics=sorted(names))
        return names

    def _note_doubt(self, error: Exception) -> None:
        """Tell that nobody knows whether another team's topics are there: it may be a right that is missing."""
        words = str(error) or type(error).__name__
        if self._others and self._log.state is not LogState.AWAY and words != self._doubt:
            logger.warning("topics_not_known", reason=words, advice=self._words)
        self._doubt = words

    @property
    def _advice(self) -> str:
        """The command that makes what is missing."""
        return self._words if self._others.intersection(self.missing) else "hookline topics apply"

    def _note(self, missing: tuple[str, ...]) -> None:
        before, self.missing = self.missing, missing
        if missing and missing != before:
            logger.error("topics_missing", topics=missing, advice=self._advice)
