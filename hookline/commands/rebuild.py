"""Fill the state anew from the log, after it was lost or moved. What is there already stays: nothing goes back.

  track  the state of each message, from its compacted topic. With --events also what was told of each, for
         `hookline message`, from the topics of deliveries and results as far as they are kept (30 days). A state that
         the topic has otherwise by then is published.

It can be run beside everything else, and again at any time.

Exit status: 0 all was read; 1 a record could not be, the log has no such topic, or the log or the state could not be
used; 2 a wrong call or configuration.

To try it:
  hookline rebuild track
"""

import argparse
import asyncio
import sys

from prometheus_client import CollectorRegistry

from broker.log import Log
from consumers.metrics import ConsumerMetrics
from consumers.state.database import Database
from consumers.track.consumer import Tracker
from consumers.track.rebuilding import Rebuilt, rebuild_lives, rebuild_states
from hookline.commands.options import add_config, configured
from hookline.configuration.config import Config
from hookline.opened_log import check_log, check_topics
from hookline.opened_state import opened_state
from hookline.spooling import at_log
from schemas.topics import DELIVERY, RESULTS, STATES

_OPEN_WAIT = 30.0
_TELL_EVERY = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to fill."""
    parser.add_argument("what", choices=("track",), metavar="WHAT", help="track: the states of messages")
    parser.add_argument("--events", action="store_true", help="also what was told of each message")
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fill the state and tell how much was read."""
    config = configured(arguments)
    check_log(config)
    unreadable = asyncio.run(_rebuilt(config, with_events=arguments.events))
    return 1 if unreadable else 0


async def _rebuilt(config: Config, *, with_events: bool) -> int:
    topics = (STATES, DELIVERY, RESULTS) if with_events else (STATES,)
    async with at_log.tools(config, _OPEN_WAIT) as tools:
        await check_topics(config, tools.log, *topics)
        async with opened_state(config, make=True) as database:
            return await _filled(_tracker(config, database, tools.log), tools.log, with_events=with_events)


async def _filled(tracker: Tracker, log: Log, *, with_events: bool) -> int:
    states = await rebuild_states(log, tracker, _Progress())
    unreadable = _told("states", states)
    if states.published:
        print(f"the topic was behind: {states.published:,} states published")
    if with_events:
        unreadable += _told("events", await rebuild_lives(log, tracker, _Progress()))
    return unreadable


def _tracker(config: Config, database: Database, log: Log) -> Tracker:
    return Tracker(config.consumers.track, database, log, ConsumerMetrics(CollectorRegistry()))


def _told(what: str, rebuilt: Rebuilt) -> int:
    print(f"{what}: {rebuilt.read:,} read, {rebuilt.changed:,} rows changed, {rebuilt.unreadable:,} unreadable")
    return rebuilt.unreadable


class _Progress:
    """Tells now and then on standard error how far it is."""

    def __init__(self) -> None:
        self._next = _TELL_EVERY

    def __call__(self, rebuilt: Rebuilt) -> None:
        if rebuilt.read >= self._next:
            self._next = rebuilt.read + _TELL_EVERY
            print(f"{rebuilt.read:,} read", file=sys.stderr)
