"""Make the topics as they should be: `plan` shows what would happen, `apply` does it.

The embedded log makes its own topics; on Kafka they are made by this command and never by the services, save those
of other teams' consumers, which make their own where their rights allow it. Where not, name them here.
"""

import argparse
import asyncio
from collections.abc import Sequence

from broker.log import PlannedTopic, TopicChange
from broker.opening import open_log
from consumers.catalogue import Listed
from hookline.called import command, config_words
from hookline.commands.options import add_config, configured
from hookline.configuration.config import Config
from hookline.topics import wanted_topics

_DEADLINE = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take `plan` or `apply`, and the configuration."""
    parser.add_argument("action", choices=("plan", "apply"), help="show what would happen, or do it")
    parser.add_argument(
        "--consumer",
        action="append",
        default=[],
        metavar="MODULE:NAME",
        help="the topics of this consumer too: what it tries again later, and its dead letters (may be repeated)",
    )
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan; 1 where a topic stands against it and nobody but an operator may mend that."""
    from hookline.kit.finding import find_consumers

    groups = [found.listed for found in find_consumers(arguments.consumer)]
    plan = asyncio.run(_planned(configured(arguments), groups, apply=arguments.action == "apply"))
    done = arguments.action == "apply"
    for item in plan:
        print(f"{_word(item.change, done=done):<9} {item.spec.name}{': ' if item.detail else ''}{item.detail}")
    conflicts = any(item.change is TopicChange.CONFLICT for item in plan)
    if not done and any(item.change in {TopicChange.CREATE, TopicChange.ALTER} for item in plan):
        options = [word for name in arguments.consumer for word in ("--consumer", name)]
        options += config_words(arguments.config)
        print(f"nothing was changed; `{command('topics', 'apply', *options)}` does it")
    return 1 if conflicts else 0


async def _planned(config: Config, groups: Sequence[Listed], *, apply: bool) -> Sequence[PlannedTopic]:
    log = open_log(config.broker, ingesting=False)
    async with asyncio.timeout(_DEADLINE):
        await log.start()
        try:
            plan = await log.plan_topics(wanted_topics(groups))
            if apply:
                await log.apply_topics(plan)
            return plan
        finally:
            await log.stop()


def _word(change: TopicChange, *, done: bool) -> str:
    past = {TopicChange.CREATE: "created", TopicChange.ALTER: "altered", TopicChange.KEEP: "kept"}
    return past.get(change, change.value) if done else change.value
