"""Checks of the log: can it be reached, are its topics as they should be?"""

import asyncio
from collections.abc import Sequence

from broker.log import Log, LogError, LogState, PlannedTopic, TopicChange
from broker.opening import open_log
from hookline.called import command, config_words
from hookline.configuration.config import Config
from hookline.doctor.report import Check, fail, ok, warn
from hookline.sqlite_files import examine
from hookline.topics import SAFE_COPIES, log_exists, wanted_topics
from providers.registry import provider
from schemas.topics import WEBHOOKS
from schemas.urls import sqlite_path

_DEADLINE = 10.0
_VERDICT = 4.0
"""Seconds in which a log has a verdict about itself."""

_OVERHEAD = 64 * 1024
"""What a raw record has besides the body: headers of the request and of ours."""


async def check_log(config: Config) -> list[Check]:
    """Return whether the log answers, and what its topics lack."""
    path = sqlite_path(config.broker.url)
    trouble = None if path is None else await asyncio.to_thread(examine, path, "partitions")
    if trouble is not None:
        return [fail("log", f"{path} {trouble.what}", trouble.advice)]
    if not await asyncio.to_thread(log_exists, config.broker):
        return [ok("log", f"{config.broker.url} is not there yet; the first start makes it"), *check_sizes(config)]
    try:
        log = open_log(config.broker, ingesting=False)
        async with asyncio.timeout(_DEADLINE):
            await log.start()
    except (LogError, TimeoutError, OSError) as error:
        return [_unreachable(config, error)]
    try:
        return [*await _check_open(config, log), *check_sizes(config)]
    finally:
        async with asyncio.timeout(_DEADLINE):
            await log.stop()


def check_sizes(config: Config) -> list[Check]:
    """Return whether the raw topic takes the largest body that each provider may send."""
    room = WEBHOOKS.max_message_bytes
    limits = {account.provider: provider(account.provider).policy.body_limit for account in config.accounts.values()}
    return [
        ok("sizes", f"bodies of {name} up to {limit} bytes fit into a record")
        if limit + _OVERHEAD <= room
        else fail("sizes", f"{name} may send {limit} bytes, a record takes {room}", "raise max.message.bytes")
        for name, limit in limits.items()
    ]


async def _check_open(config: Config, log: Log) -> list[Check]:
    try:
        async with asyncio.timeout(_DEADLINE):
            plan = await log.plan_topics(wanted_topics())
    except (LogError, TimeoutError) as error:
        return [_unreachable(config, error)]
    topics = _topic_checks(config, plan)
    return [_state_check(config, await log.settled(_VERDICT), log.reason), *topics, *_copies_check(config)]


def _state_check(config: Config, state: LogState, reason: str) -> Check:
    if state is LogState.HEALTHY:
        return ok("log", f"{config.broker.url} answers")
    say = fail if state is LogState.AWAY else warn
    return say("log", f"{config.broker.url} answers, but counts as {state}", reason)


def _topic_checks(config: Config, plan: Sequence[PlannedTopic]) -> list[Check]:
    bad = [item for item in plan if item.change is not TopicChange.KEEP]
    if not bad:
        return [ok("topics", f"all {len(plan)} are as they should be")]
    if _is_embedded(config):
        return [ok("topics", f"{len(bad)} of {len(plan)} are made at the next start")]
    grouped: dict[tuple[TopicChange, str], list[str]] = {}
    for item in bad:
        grouped.setdefault((item.change, item.detail), []).append(item.spec.name)
    return [_topic_check(config, change, detail, names) for (change, detail), names in grouped.items()]


def _topic_check(config: Config, change: TopicChange, detail: str, names: Sequence[str]) -> Check:
    words = {TopicChange.CREATE: "missing", TopicChange.ALTER: "not as it should be"}
    what = f"{words.get(change, 'against what is wanted')}{' (' if detail else ''}{detail}{')' if detail else ''}"
    advice = f"`{command('topics', 'apply', *config_words(config.path))}` mends it"
    if change is TopicChange.CONFLICT:
        advice = "this needs a decision of yours: see docs/topics.md, Another number of partitions"
    return fail("topics", f"{what}: {', '.join(names)}", advice)


def _copies_check(config: Config) -> list[Check]:
    copies = config.broker.kafka.min_insync_replicas
    if _is_embedded(config) or copies >= SAFE_COPIES:
        return []
    advice = "set 2 or more under [broker.kafka], with at least 3 brokers"
    return [warn("copies", f"min_insync_replicas is {copies}: a broker's loss may take what was acknowledged", advice)]


def _unreachable(config: Config, error: Exception) -> Check:
    reason = str(error) or "no answer in time"
    # What the embedded log says of a file tells what to do, too.
    advice = "" if _is_embedded(config) else "is the address right, is Kafka up?"
    return fail("log", f"{config.broker.url} cannot be reached: {reason}", advice)


def _is_embedded(config: Config) -> bool:
    return config.broker.url.startswith("sqlite:")
