"""Print the life of a message: each thing that was told of it, with its source, and where it stands now.

ID is the provider's id of the message, or of a message request (Syniverse). Everything comes from the state that
`track` keeps, so this works while the log is away. No text is shown: none is kept there. Numbers are hidden but for
their ends.

Exit status: 0 the message is known; 1 it is not, and what to try is told; 2 a wrong call or configuration.

To try it:
  hookline message 40317a1b-5b0f-4b5c-9d0e-2b1f4c6d7e8f
"""

import argparse
import asyncio
import json
from collections.abc import Sequence

from hookline.called import command, config_words
from hookline.commands.options import add_config, configured
from hookline.configuration.config import Config
from hookline.errors import CommandError
from hookline.life import Life, lives_of
from hookline.life_words import life_fields, life_lines
from hookline.opened_state import opened_state


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the id and how to print."""
    parser.add_argument("id", metavar="ID", help="the provider's id of the message")
    parser.add_argument("--account", metavar="A", help="of this account alone (default: of all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--show-numbers", action="store_true", help="whole phone numbers: they are personal data")
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what is known. Raises CommandError where that is nothing."""
    lives = asyncio.run(_lives(configured(arguments), arguments.id, arguments.account))
    config = config_words(arguments.config)
    if not lives:
        raise CommandError(_unknown(arguments.id, arguments.account, config))
    numbers: bool = arguments.show_numbers
    if arguments.json:
        print(json.dumps({"messages": [life_fields(life, numbers=numbers) for life in lives]}, indent=2))
    else:
        print("\n".join(line for life in lives for line in life_lines(life, config, numbers=numbers)))
    return 0


async def _lives(config: Config, message_id: str, account: str | None) -> Sequence[Life]:
    async with opened_state(config) as database:
        return await database.run(lambda connection: lives_of(connection, message_id, account))


def _unknown(message_id: str, account: str | None, config: Sequence[str]) -> str:
    where = "" if account is None else f" in account {account}"
    return "\n".join(
        (
            f"nothing is known of message {message_id!r}{where}: no news of it came, track has not read them yet,",
            "or it is older than 90 days",
            f"  is track at work?  {command('consume', 'track', *config)} runs it,",
            f"    and so does {command('run', *config)}",
            f"  is it in the log?  {command('tail', '--no-follow', *config)} | grep ID",
            f"  is it the provider's?  {command('call', account or 'ACCOUNT', *config)} lists what can be asked",
            f"  was it kept?  {command('rebuild', 'track', '--events', *config)} fills the state anew from the log",
        )
    )
