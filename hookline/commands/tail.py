"""Print records of the log, one JSON object a line. Reads outside of every group, so nobody loses a record.

members of a line:
  topic, partition, offset   the place of the record
  timestamp                  when we received it: RFC 3339, UTC, milliseconds
  key                        as text, or null
  headers                    an object of texts; repeated ones are joined with ", "
  value                      the JSON value, or null for a tombstone
  value_base64               instead of `value`: anything but JSON, and always in the raw topic

Records of one topic come in the order of their timestamps; one topic follows the other.

To try it:
  hookline tail --topic messaging.inbound.v1
  hookline tail --from -15m --no-follow | jq .headers.ce_type
"""

import argparse
import asyncio
import sys
import time

from broker.log import LogUnavailableError
from broker.opening import open_log
from hookline.commands.options import add_config, configured
from hookline.configuration.config import Config
from hookline.errors import CommandError
from hookline.opened_log import check_log
from hookline.record_lines import line_of
from hookline.tailing import Start, Tail, parse_start
from hookline.topics import all_topics
from schemas.records import StoredRecord
from schemas.topics import CATALOGUE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take topics, where to start, and when to end."""
    parser.add_argument(
        "--topic", action="append", metavar="T", help="a topic; may be given several times (default: all)"
    )
    parser.add_argument(
        "--from",
        dest="start",
        type=_start,
        metavar="WHERE",
        help="earliest, latest, a time as 2026-01-15T21:32:14Z, or as long ago as -30s, -15m, -2h, -1d "
        "(default: latest; with --no-follow: earliest)",
    )
    parser.add_argument("--no-follow", action="store_true", help="end at the last record that is there now")
    parser.add_argument("--limit", type=_count, metavar="N", help="end after N records")
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print records until the end, the limit or Ctrl-C."""
    config = configured(arguments)
    try:
        asyncio.run(_tail(config, arguments))
    except KeyboardInterrupt:
        return 0
    return 0


async def _tail(config: Config, arguments: argparse.Namespace) -> None:
    follow = not arguments.no_follow
    topics = arguments.topic or [topic.name for topic in CATALOGUE]
    start = arguments.start or (Start.latest() if follow else Start.earliest())
    await asyncio.to_thread(check_log, config)
    log = open_log(config.broker, ingesting=False)
    async with asyncio.timeout(30):
        await log.start()
    try:
        tail = Tail(log, topics)
        missing = await tail.open(start)
        if missing and arguments.topic and not follow:
            raise CommandError(_no_topic(missing))
        for name in missing if arguments.topic else ():
            print(f"hookline: no topic {name} yet; waiting for it", file=sys.stderr)
        await _print_all(tail, follow=follow, limit=arguments.limit)
    except LogUnavailableError as error:
        raise CommandError(f"the log at {config.broker.url} does not answer: {error}") from error
    finally:
        async with asyncio.timeout(10):
            await log.stop()


async def _print_all(tail: Tail, *, follow: bool, limit: int | None) -> None:
    left = limit
    async for record in tail.records(follow=follow):
        await asyncio.to_thread(_print, record)
        if left is not None:
            left -= 1
            if left <= 0:
                return


def _print(record: StoredRecord) -> None:
    sys.stdout.buffer.write(line_of(record))
    sys.stdout.buffer.flush()


def _no_topic(names: tuple[str, ...]) -> str:
    known = ", ".join(topic.name for topic in all_topics())
    return f"no topic {', '.join(names)} on this log; ours are: {known}"


def _start(text: str) -> Start:
    try:
        return parse_start(text, time.time)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)
