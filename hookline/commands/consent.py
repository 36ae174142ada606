"""Show whether a person may be texted and why, say so ourselves, or fill the book from its topic.

To try it:
  hookline consent show --number +15550100
  hookline consent set --number +15550100 --account main --opted-out --note "by telephone"
  hookline consent set --from numbers.txt --account main --opted-out
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from consumers.consent.book import ConsentBook
from consumers.consent.numbers import canonical
from consumers.consent.publishing import Decision, Owner
from consumers.consent.rebuild import Rebuilt, rebuild
from consumers.consent.statement import EVERYWHERE
from hookline.commands.call import account_of
from hookline.commands.options import add_config, configured, read_input
from hookline.configuration.config import Config
from hookline.consents.saying import LONGEST_NOTE, check_scope, numbers_of, publish
from hookline.consents.showing import Known, fields_of, lines_of
from hookline.errors import CallError
from hookline.opened_log import check_topics, opened_log
from hookline.opened_state import opened_state
from schemas.times import from_clock
from schemas.topics import CONSENT
from schemas.vocabulary import Consent

_SHOW = """\
Print the answer that consumers get, what counts in each scope, and everything that was said, with where it came from.
Without --sender the answer holds for a number of ours whose scope is not known: every opt-out blocks it.
"""
_SET = """\
Publish a statement of our own (source `company`) for one number or many. It is noted by the consumer `consent`, now or
when it runs next; this command changes no table itself and works beside running processes. It does not tell the
provider: what that blocks it goes on to block.
Numbers are E.164. All are read and checked before the first is published.
"""
_REBUILD = """\
Note every statement that the topic of consent keeps, for a state that was lost. What is there stays; it may be run at
any time and beside the consumer. Who is erased while it works may come back: run that erase once more when it has
ended. Exit status 1 where a record could not be read, or where the log has no such topic.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do, each with the options that it knows."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")
    show = _action(actions, "show", "whether a person may be texted, and why", _SHOW)
    show.add_argument("--number", required=True, metavar="N", help="the person's number")
    show.add_argument("--account", metavar="A", help="this account alone (default: all that know the number)")
    show.add_argument("--sender", metavar="N", help="the number of ours that would text")
    show.add_argument("--json", action="store_true", help="print one JSON object")
    say = _action(actions, "set", "say that persons opted out or in", _SET)
    given = say.add_mutually_exclusive_group(required=True)
    given.add_argument("--number", action="append", metavar="N", help="a person's number; may be given several times")
    given.add_argument(
        "--from", dest="file", metavar="FILE", help="a file with a number in each line, - for standard input"
    )
    say.add_argument("--account", required=True, metavar="A", help="the account that the statement is for")
    word = say.add_mutually_exclusive_group(required=True)
    for consent in (Consent.OPTED_OUT, Consent.OPTED_IN):
        option = f"--{consent.replace('_', '-')}"
        word.add_argument(option, dest="consent", action="store_const", const=consent, help="what they said")
    say.add_argument(
        "--scope",
        default=EVERYWHERE,
        metavar="S",
        help="what it holds for, as `consent show` prints it (default: account, all numbers of ours)",
    )
    say.add_argument("--note", metavar="TEXT", help="where it comes from, kept in the history")
    _action(actions, "rebuild", "fill the book from its topic", _REBUILD)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    config = configured(arguments)
    match arguments.action:
        case "show":
            return _show(config, arguments)
        case "set":
            return _set(config, arguments)
        case _:
            return _told(asyncio.run(_rebuild(config)))


def _action(actions: Any, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=summary, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config(parser)
    return parser


def _show(config: Config, arguments: argparse.Namespace) -> int:
    known = asyncio.run(_known(config, arguments.number, arguments.account, arguments.sender))
    if arguments.account is not None and not known.history:
        # Nothing is permission: of an account that is only misspelt it must not seem so.
        account_of(config, arguments.account)
    if known.number != arguments.number:
        # Without its country code it is another person's, of whom nothing is known.
        print(f"read as {known.number}: a number begins with + and its country code", file=sys.stderr)
    if arguments.json:
        print(json.dumps(fields_of(known), indent=2))
    else:
        print("\n".join(lines_of(known)))
    return 0


async def _known(config: Config, number: str, account: str | None, sender: str | None) -> Known:
    async with opened_state(config) as database:
        book = ConsentBook(database)
        counting = await book.counting(number, account)
        names = dict.fromkeys(each.account for each in counting) if account is None else (account,)
        return Known(
            number=canonical(number),
            sender=None if sender is None else canonical(sender),
            answers={name: await book.may_text(name, number, sender) for name in names},
            counting=counting,
            history=await book.history(number, account),
        )


def _set(config: Config, arguments: argparse.Namespace) -> int:
    account = account_of(config, arguments.account)
    if len(arguments.note or "") > LONGEST_NOTE:
        raise CallError(f"--note: longer than {LONGEST_NOTE} characters")
    decision = Decision(
        account=account.name,
        owner=Owner(account.provider, account.tenant),
        scope=check_scope(arguments.scope),
        consent=arguments.consent,
        note=arguments.note,
    )
    numbers = numbers_of(*_given(arguments))
    asyncio.run(_publish(config, decision, numbers))
    print(f"published {len(numbers)} {decision.consent} of {account.name} in scope {decision.scope}")
    if decision.consent is Consent.OPTED_IN:
        print("an opt-in lifts no opt-out of another scope; `consent show` tells what counts", file=sys.stderr)
    return 0


def _given(arguments: argparse.Namespace) -> tuple[Iterable[str], str]:
    if arguments.number is not None:
        numbers: Sequence[str] = arguments.number
        return numbers, "--number"
    try:
        return read_input(arguments.file).decode().splitlines(), arguments.file
    except UnicodeDecodeError:
        raise CallError(f"{arguments.file}: no text in UTF-8; nothing was published") from None


async def _publish(config: Config, decision: Decision, numbers: Sequence[str]) -> None:
    async with opened_log(config) as log:
        await check_topics(config, log, CONSENT)
        await publish(log, decision, numbers, from_clock(time.time))


async def _rebuild(config: Config) -> Rebuilt:
    async with opened_log(config) as log:
        await check_topics(config, log, CONSENT)
        async with opened_state(config, make=True) as database:
            return await rebuild(log, ConsentBook(database))


def _told(rebuilt: Rebuilt) -> int:
    print(f"noted {rebuilt.noted} statements; {rebuilt.refused} records could not be read")
    if rebuilt.published:
        print(f"published {rebuilt.published} that count, and of which the topic said something else last")
    return 1 if rebuilt.refused else 0
