"""Ask providers about messages without a final state, and publish what their webhooks did not tell.

Messages come from the state that `track` keeps. What a provider says goes into the log as raw records and events, under
the ids that a webhook has, and track merges it from there: so it can be run beside everything else, and again at any
time. An answer that changes nothing is not stored. Each account is asked by itself, at --rate calls a second; a
provider's wish to wait is followed, and an account whose provider has had enough is left for another time.

columns:
  asked        messages that the provider was asked about
  changed      of those, with news, which were published; in brackets, how many of them came to their end
  still open   they stand as they stood, or were erased meanwhile
  gone         the provider knows no such message, or no more (Telnyx: 10 days, MessageMedia: 45); that is noted, and
               these are not asked about again until there is news of them, or with --gone
  failed       the question was refused, or got no answer that could be read
  left         not asked any more

With --json, `strange` names the accounts whose provider knew none of their messages.

Exit status: 0 all were asked; 1 some could not be, or an account's provider knew none of them at all; 2 a wrong call
or configuration.

To try it:
  hookline reconcile --since -1d --dry-run
"""

import argparse
import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import asdict

from consumers.track.unfinished import Span
from hookline.commands.options import add_config, configured
from hookline.reconciling.account import Tally
from hookline.reconciling.run import Reconciled, Wishes, counted, reconciled
from hookline.simulator.arguments import count, positive
from hookline.tailing import parse_start

_RATE = 5.0
_LEAST_AGE = 600.0
_HEAD = ("account", "asked", "changed", "still open", "gone", "failed", "left")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the span, the account, the pace."""
    parser.add_argument(
        "--since",
        required=True,
        type=_since,
        metavar="T",
        help="messages that were first heard of since then: earliest, 2026-01-15T21:32:14Z, or as long ago as -2h, -1d",
    )
    parser.add_argument("--account", metavar="A", help="of this account alone (default: of all)")
    parser.add_argument(
        "--least-age",
        type=count,
        default=_LEAST_AGE,
        metavar="SECONDS",
        help=f"leave younger messages alone, they may well end by themselves (default: {_LEAST_AGE:g})",
    )
    parser.add_argument(
        "--rate",
        type=positive,
        default=_RATE,
        metavar="N",
        help=f"questions a second for each account (default: {_RATE:g})",
    )
    parser.add_argument(
        "--gone", action="store_true", help="ask also about messages that the provider said it does not have"
    )
    parser.add_argument("--dry-run", action="store_true", help="count what would be asked; call nobody, write nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Reconcile and tell what came of it."""
    config = configured(arguments)
    before_ms = int((time.time() - arguments.least_age) * 1000)
    span = Span(since_ms=arguments.since, before_ms=before_ms, gone=arguments.gone)
    wishes = Wishes(span=span, account=arguments.account, rate=arguments.rate)
    if arguments.dry_run:
        counts = asyncio.run(counted(config, wishes))
        print(json.dumps({"would_ask": counts}, indent=2) if arguments.json else _counted(counts))
        return 0
    found = asyncio.run(reconciled(config, wishes, time.time))
    print(json.dumps(_fields(found), indent=2) if arguments.json else _table(found))
    return 0 if found.whole and not found.strange else 1


def _since(text: str) -> int:
    try:
        start = parse_start(text, time.time)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if start.timestamp is None and not start.oldest:
        raise argparse.ArgumentTypeError("latest: nothing is older than now")
    return start.timestamp or 0


def _counted(counts: Mapping[str, int]) -> str:
    return "\n".join(f"{name}: {count} would be asked about" for name, count in sorted(counts.items()))


def _fields(found: Reconciled) -> dict[str, object]:
    return {
        "accounts": {name: asdict(tally) for name, tally in found.tallies.items()},
        "unable": {one.account: one.reason for one in found.unable},
        "strange": list(found.strange),
    }


def _table(found: Reconciled) -> str:
    rows = [_HEAD, *(_row(name, tally) for name, tally in sorted(found.tallies.items()))]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    for name, tally in sorted(found.tallies.items()):
        if tally.stopped is not None:
            lines.append(f"{name} was left: {tally.stopped}")
    lines += [f"{one.account} has open messages and cannot be asked: {one.reason}" for one in found.unable]
    lines += [
        f"{name}: the provider knew NONE of these messages; if it should, look at the account's `base_url` and"
        " credentials, then ask again with --gone"
        for name in found.strange
    ]
    if any(tally.changed for tally in found.tallies.values()):
        lines.append("what changed is in the log; `hookline message ID` shows it once track has read it")
    return "\n".join(lines)


def _row(name: str, tally: Tally) -> tuple[str, ...]:
    changed = f"{tally.changed} ({tally.ended})"
    return (name, str(tally.asked), changed, *map(str, (tally.open, tally.gone, tally.failed, tally.left)))
