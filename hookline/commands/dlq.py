"""Look at the dead letters of a consumer group, and deal with them: what it could not process, and why.

Exit status: 0 it was done; 1 it could not be done, or was not agreed to; 2 a wrong call or configuration.

To try it:
  hookline dlq list --since -1d
  hookline dlq show messaging.inbound.v1.auto-reply.dlq:3:17
  hookline dlq redrive --group auto-reply --reason handler_failed
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from consumers.dead_letters.choice import Choice
from consumers.dead_letters.letters import Resolution
from consumers.dead_letters.places import Place, parse_place
from hookline.called import command, config_words
from hookline.commands.options import add_config, configured
from hookline.configuration.config import Config
from hookline.dead_letters import words, work
from hookline.dead_letters.work import Order, Plan, Wanted
from hookline.many import many
from hookline.opened_log import opened_log
from hookline.simulator.arguments import positive
from hookline.tailing import parse_start

_LIST = """\
Print one line for each open letter, by time: its place, when it came there, the first word of the reason (`other` where
it does not begin with one), the event's type and id, where the event stood first, and how often it was tried; `-` where
that is not known. Shows no text and no number of a person. Changes nothing; works beside running consumers.
"""
_SHOW = """\
Print all of one letter: headers, the whole reason, the digest of the traceback, the value, and what was done with it.
That is what a person wrote, and who. Changes nothing.
"""
_REDRIVE = """\
Send letters on to the retry topic of their group, due at once, and mark them as redriven. No other group sees them
again. The group has to run to read them. Those dealt with are passed over, so it can be repeated, and broken off at any
time: what was in hand then (100 letters at most) is sent on again by the next one, under the same event id. So it is by
two at the same time.
"""
_DISCARD = """\
Mark letters as discarded. They stay until their time is over (30 days), `list --all` and `show` still show them.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do, each with the options that it knows."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")
    listing = _action(actions, "list", "the open letters, one a line", _LIST)
    _add_filters(listing)
    listing.add_argument("--all", action="store_true", help="those dealt with too; a last word tells what was done")
    listing.add_argument("--summary", action="store_true", help="how many there are of each reason")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    show = _action(actions, "show", "all of one letter", _SHOW)
    show.add_argument("place", type=_place, metavar="PLACE", help="TOPIC:PARTITION:OFFSET, as `list` prints it")
    show.add_argument("--json", action="store_true", help="one JSON object")
    redrive = _action(actions, "redrive", "have letters processed again", _REDRIVE)
    _add_choice(redrive)
    redrive.add_argument("--rate", type=positive, metavar="N", help="letters a second at most (default: no limit)")
    _add_choice(_action(actions, "discard", "mark letters as dealt with", _DISCARD))


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    config = configured(arguments)
    match arguments.action:
        case "list":
            asyncio.run(_list(config, arguments))
            return 0
        case "show":
            asyncio.run(_show(config, arguments.place, as_json=arguments.json))
            return 0
        case "redrive":
            return _deal(config, arguments, Resolution.REDRIVEN, arguments.rate)
        case _:
            return _deal(config, arguments, Resolution.DISCARDED, None)


def _action(actions: Any, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=summary, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config(parser)
    return parser


def _add_filters(parser: argparse.ArgumentParser) -> None:
    for name, metavar, text in (
        ("group", "G", "of this consumer group, ours or another team's (default: all of ours)"),
        ("reason", "WORD", "whose reason begins with this word, such as handler_failed"),
        ("type", "T", "of this event type, such as messaging.message.received"),
        ("topic", "T", "of events that stood in this topic first"),
        ("account", "A", "of this account"),
    ):
        more = "; may be given several times"
        parser.add_argument(f"--{name}", action="append", default=[], metavar=metavar, help=f"{text}{more}")
    forms = "a time as 2026-01-15T21:32:14Z, or as long ago as -30s, -15m, -2h, -1d"
    parser.add_argument("--since", type=_moment, metavar="TIME", help=f"that came here from then on: {forms}")
    parser.add_argument("--until", type=_moment, metavar="TIME", help="that came before then")


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "places", nargs="*", type=_place, metavar="PLACE", help="TOPIC:PARTITION:OFFSET, as `list` prints it"
    )
    _add_filters(parser)
    parser.add_argument("--all", action="store_true", help="every open letter, where there is no filter")
    parser.add_argument("--yes", action="store_true", help="do it without asking")
    parser.set_defaults(refuse=parser.error)


def _wanted(arguments: argparse.Namespace) -> Wanted:
    choice = Choice(
        reasons=frozenset(arguments.reason),
        types=frozenset(arguments.type),
        topics=frozenset(arguments.topic),
        accounts=frozenset(arguments.account),
        since=arguments.since,
        until=arguments.until,
    )
    return Wanted(places=tuple(getattr(arguments, "places", ())), groups=tuple(arguments.group), choice=choice)


async def _list(config: Config, arguments: argparse.Namespace) -> None:
    wanted = _wanted(arguments)
    counts: Counter[words.Heap] = Counter()
    async with opened_log(config) as log:
        async for letter in work.found(log, wanted, dealt=arguments.all):
            counts[words.heap_of(letter)] += 1
            if not arguments.summary:
                line = words.list_line(letter, with_state=arguments.all)
                await _printed(words.list_fields(letter) if arguments.json else f"{line}\n".encode())
    if arguments.summary and arguments.json:
        await _printed(b"".join(words.summary_fields(counts)))
    elif arguments.summary:
        await _printed("".join(f"{line}\n" for line in words.summary_lines(counts)).encode())
    if not counts:
        print("hookline: no dead letters of that kind", file=sys.stderr)


async def _show(config: Config, place: Place, *, as_json: bool) -> None:
    async with opened_log(config) as log:
        letter = await work.one(log, place)
    lines = "".join(f"{line}\n" for line in words.shown_lines(letter))
    await _printed(words.shown_json(letter) if as_json else lines.encode("utf-8", "replace"))


def _deal(config: Config, arguments: argparse.Namespace, how: Resolution, rate: float | None) -> int:
    wanted = _wanted(arguments)
    _check_choice(wanted, arguments.refuse, everything=arguments.all)
    plan = asyncio.run(work.planned(config, wanted))
    for letter in plan.done_before:
        print(f"{letter.place} was {words.dealt_text(letter.dealt)}; it is passed over")
    if not plan.counts:
        print("nothing to do: no open letter is meant")
        return 0
    print("\n".join(words.plan_lines(plan.counts, how)), flush=True)
    if not arguments.yes and not _agreed(arguments.refuse):
        print("nothing was done")
        return 1
    done = asyncio.run(work.carry_out(config, wanted, plan, Order(how, time.time, rate)))
    print(f"{how} {many(done, 'letter')}")
    if how is Resolution.REDRIVEN:
        print(_what_next(plan, config_words(arguments.config)))
    return 0


def _check_choice(wanted: Wanted, refuse: Callable[[str], object], *, everything: bool) -> None:
    narrow = wanted.choice.is_narrow or bool(wanted.groups)
    if wanted.places and (narrow or everything):
        refuse("name places, or letters by filters, not both")
    if not (wanted.places or narrow or everything):
        refuse("which letters? name a PLACE, a filter such as --reason, or --all")


def _agreed(refuse: Callable[[str], object]) -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        refuse("nobody can be asked here: --yes does it without asking")
    return input("Do it? [y/N] ").strip().lower() in {"y", "yes"}


def _what_next(plan: Plan, config: Sequence[str]) -> str:
    groups = sorted({box.group for box, _ in plan.counts})
    options = [word for group in groups for word in ("--group", group)]
    listing = command("dlq", "list", *options, *config)
    return f"read by {', '.join(groups)} when it runs; `{listing}` shows what fails again"


async def _printed(data: bytes) -> None:
    def write() -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    await asyncio.to_thread(write)


def _place(text: str) -> Place:
    try:
        return parse_place(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _moment(text: str) -> int | None:
    """Return a time in Unix milliseconds; None for `earliest`, which is no limit."""
    try:
        start = parse_start(text, time.time)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if start.oldest:
        return None
    return int(time.time() * 1000) if start.timestamp is None else start.timestamp
