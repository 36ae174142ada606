"""Forget a person: rows of the state, tombstones on the compacted topics, and a list of what time alone removes.

Without --yes, or with --dry-run, it only tells what would go. It works beside running processes and may be repeated:
what is gone already is not counted again. An opt-out is forgotten too, unless --keep-opt-out is given: the law lets
and mostly bids you keep the number of who wants no messages, to honour that (docs/consent.md).

To try it:
  hookline erase --number +15550100 --dry-run
  hookline erase --number +15550100 --yes

Exit status: 0 it is done, or a trial was asked for; 1 it could not be done, or --yes was missing; 2 a wrong call.
"""

import argparse
import asyncio

from consumers.consent.numbers import canonical
from consumers.forgetting.person import Person
from hookline.called import command, config_words
from hookline.commands.call import account_of
from hookline.commands.options import add_config, configured
from hookline.configuration.config import Config
from hookline.erasing.planning import Done, Eraser, Plan, left_to_time, spooled
from hookline.erasing.telling import done_lines, plan_lines, rest_lines
from hookline.errors import CallError
from schemas.urls import sqlite_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the number, and whether it is meant."""
    parser.add_argument(
        "--number", required=True, metavar="N", help="the person's number, or id as the provider has it"
    )
    parser.add_argument("--account", metavar="A", help="at this account alone (default: all)")
    parser.add_argument("--keep-opt-out", action="store_true", help="keep the opt-outs that count, to honour them")
    parser.add_argument("--dry-run", action="store_true", help="tell what would go, change nothing")
    parser.add_argument("--yes", action="store_true", help="do it")
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Tell, and with `--yes` do it."""
    config = configured(arguments)
    if arguments.account is not None:
        account_of(config, arguments.account)
    if not any(map(str.isalnum, arguments.number)):
        raise CallError("--number: without a letter or a digit, which is nobody's")
    person = Person(canonical(arguments.number), arguments.account, arguments.keep_opt_out)
    meant = arguments.yes and not arguments.dry_run
    plan, done = asyncio.run(_erase(config, person, meant=meant))
    for line in plan_lines(plan) if done is None else done_lines(plan, done):
        print(line)
    kafka = sqlite_path(config.broker.url) is None
    print(
        "\n".join(rest_lines(plan, left_to_time(), spooled(config.spool), config_words(arguments.config), kafka=kafka))
    )
    if meant or arguments.dry_run:
        return 0
    print(f"\nnothing was changed; `{_meant(arguments, person)}` does it")
    return 1


def _meant(arguments: argparse.Namespace, person: Person) -> str:
    """Return the command that does what this one told of: without its options it would do more."""
    words = ["erase", "--number", person.number]
    words += [] if person.account is None else ["--account", person.account]
    words += ["--keep-opt-out"] if person.keeps_opt_out else []
    return command(*words, *config_words(arguments.config), "--yes")


async def _erase(config: Config, person: Person, *, meant: bool) -> tuple[Plan, Done | None]:
    async with Eraser(config, person) as eraser:
        plan = await eraser.plan()
        return plan, await eraser.carry_out(plan) if meant else None
