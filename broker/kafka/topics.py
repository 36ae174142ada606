"""What the topics on the cluster should be, compared with what they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from broker.kafka.connection import Names
from broker.kafka.errors import words
from broker.kafka.kept import Kept
from broker.log import LogUnavailableError, PlannedTopic, TopicChange, TopicSpec
from broker.settings import KafkaSettings

TOPICS_SECONDS = 15.0
UNKNOWN_TOPIC = 3
TOPIC_EXISTS = 36
SET_ON_THE_TOPIC = 1
"""The `config_source` of a value that somebody gave this topic; others are defaults."""


@dataclass(frozen=True, slots=True)
class Found:
    """One topic as the cluster has it. `own` names the configurations that are set on the topic itself."""

    partitions: int
    copies: int
    configs: Mapping[str, str]
    own: frozenset[str]


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the cluster has: its brokers, and the topics that were asked for, by our names."""

    brokers: int
    topics: Mapping[str, Found]


class Topics:
    """Plans and applies topics with an administrator's client."""

    def __init__(self, admin: Kept[AIOKafkaAdminClient], names: Names, settings: KafkaSettings) -> None:
        """Take the client, the prefix and the wanted replication."""
        self._admin = admin
        self._names = names
        self._settings = settings

    async def plan(self, specs: Sequence[TopicSpec]) -> list[PlannedTopic]:
        """Return one line for each spec, in their order."""
        if not specs:
            return []
        cluster = await self._look(specs)
        return [self._line(spec, cluster) for spec in specs]

    async def apply(self, plan: Sequence[PlannedTopic]) -> None:
        """Create and alter as planned."""
        specs = [line.spec for line in plan if line.change in {TopicChange.CREATE, TopicChange.ALTER}]
        if not specs:
            return
        cluster = await self._look(specs)
        new = [self._new(spec, cluster) for spec in specs if spec.name not in cluster.topics]
        changed = [
            self._changed(line.spec, cluster.topics[line.spec.name])
            for line in plan
            if line.change is TopicChange.ALTER and line.spec.name in cluster.topics
        ]
        if new:
            await self._admin.ask("making topics", lambda admin: _create(admin, new), TOPICS_SECONDS)
        if changed:
            await self._admin.ask("altering topics", lambda admin: _alter(admin, changed), TOPICS_SECONDS)

    # --- the plan: no I/O below but `_look`

    def _line(self, spec: TopicSpec, cluster: Cluster) -> PlannedTopic:
        found = cluster.topics.get(spec.name)
        if found is None:
            return PlannedTopic(
                spec, TopicChange.CREATE, self._thin(min(self._settings.replication_factor, cluster.brokers))
            )
        if found.partitions != spec.partitions:
            detail = f"it has {found.partitions} partitions, not {spec.partitions}: keys would move"
            return PlannedTopic(spec, TopicChange.CONFLICT, detail)
        wanted = self._configs(spec, found.copies)
        different = [name for name, value in wanted.items() if not _same(found.configs.get(name), value)]
        notes = [f"{name}: {found.configs.get(name)} becomes {wanted[name]}" for name in different]
        thin = self._thin(found.copies)
        change = TopicChange.ALTER if different else TopicChange.KEEP
        return PlannedTopic(spec, change, "; ".join([*notes, *([thin] if thin else [])]))

    def _thin(self, copies: int) -> str:
        wanted = self._settings.replication_factor
        if copies >= wanted:
            return ""
        return f"degraded: {copies} {'copy' if copies == 1 else 'copies'} of each partition where {wanted} are wanted"

    def _configs(self, spec: TopicSpec, copies: int) -> dict[str, str]:
        forever = spec.retention_ms is None and spec.retention_bytes is None
        policy = "delete" if not spec.compacted else "compact" if forever else "compact,delete"
        return {
            "cleanup.policy": policy,
            "retention.ms": str(-1 if spec.retention_ms is None else spec.retention_ms),
            "retention.bytes": str(-1 if spec.retention_bytes is None else spec.retention_bytes),
            "max.message.bytes": str(spec.max_message_bytes),
            "min.insync.replicas": str(max(1, min(self._settings.min_insync_replicas, copies))),
        }

    def _new(self, spec: TopicSpec, cluster: Cluster) -> NewTopic:
        copies = max(1, min(self._settings.replication_factor, cluster.brokers))
        configs = self._configs(spec, copies)
        return NewTopic(self._names.outer(spec.name), spec.partitions, copies, topic_configs=configs)

    def _changed(self, spec: TopicSpec, found: Found) -> ConfigResource:
        # Kafka replaces all that is set on the topic, so what others set there goes along.
        kept = {name: found.configs[name] for name in found.own}
        configs = kept | self._configs(spec, found.copies)
        return ConfigResource(ConfigResourceType.TOPIC, self._names.outer(spec.name), configs)

    # --- what the cluster has

    async def _look(self, specs: Sequence[TopicSpec]) -> Cluster:
        outer = [self._names.outer(spec.name) for spec in specs]

        async def looked(admin: AIOKafkaAdminClient) -> Cluster:
            brokers = len((await admin.describe_cluster())["brokers"])
            described = [topic for topic in await admin.describe_topics(outer) if topic["error_code"] != UNKNOWN_TOPIC]
            configs = await _configs_of(admin, [topic["topic"] for topic in described])
            found = {self._names.inner(topic["topic"]): _found(topic, configs) for topic in described}
            return Cluster(brokers, found)

        return await self._admin.ask("looking at topics", looked, TOPICS_SECONDS)


def _same(is_now: str | None, wanted: str) -> bool:
    return is_now is not None and set(is_now.split(",")) == set(wanted.split(","))


def _found(topic: Any, configs: Mapping[str, list[tuple[Any, ...]]]) -> Found:
    if topic["error_code"]:
        raise for_code(topic["error_code"])
    entries = configs[topic["topic"]]
    return Found(
        partitions=len(topic["partitions"]),
        copies=min(len(part["replicas"]) for part in topic["partitions"]),
        configs={entry[0]: entry[1] for entry in entries if entry[1] is not None},
        own=frozenset(entry[0] for entry in entries if entry[3] == SET_ON_THE_TOPIC and entry[1] is not None),
    )


async def _configs_of(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, list[tuple[Any, ...]]]:
    """Return for each topic its entries: name, value, read-only, source, ... (DescribeConfigs, version 1 and later)."""
    if not topics:
        return {}
    answers: list[Any] = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
    )
    found: dict[str, list[tuple[Any, ...]]] = {}
    for answer in answers:
        for code, _message, _type, name, entries in answer.resources:
            if code:
                raise for_code(code)
            found[name] = list(entries)
    return found


async def _create(admin: AIOKafkaAdminClient, topics: list[NewTopic]) -> None:
    answer: Any = await admin.create_topics(topics)
    for topic, code, message in answer.topic_errors:
        # Somebody else was quicker: the next plan compares.
        if code not in {0, TOPIC_EXISTS}:
            raise LogUnavailableError(f"topic {topic} could not be made: {message or words(for_code(code)())}")


async def _alter(admin: AIOKafkaAdminClient, topics: list[ConfigResource]) -> None:
    answers: list[Any] = await admin.alter_configs(topics)
    for answer in answers:
        for code, message, _type, topic in answer.resources:
            if code:
                raise LogUnavailableError(f"topic {topic} could not be altered: {message or words(for_code(code)())}")
