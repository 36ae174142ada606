"""Call an operation of an account's provider and print its answer as JSON.

  hookline call main                      the operations of the account's provider
  hookline call main send --help          what one of them takes
  hookline call main send --to +15550100 --from +15550101 --text Hello   (Telnyx's; each provider has its own)

Lists come whole, page by page; --page PLACE gives one page, --max-items N ends early. A list of values is given
as several words or as JSON, a table as NAME=VALUE words or as JSON. docs/operations.md has every operation.
"""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from hookline.calling.answers import print_answer
from hookline.calling.catalogue import operations_of_provider
from hookline.calling.parser import Asked, asked, operation_parser
from hookline.commands.options import add_config, configured
from hookline.configuration.config import Config, ConfigError
from hookline.errors import CallError, CommandError
from providers.contract import Account, AccountError, ApiClient
from providers.registry import provider
from providers.rest.operations import Operation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the account, the operation, and the operation's own options."""
    add_config(parser)
    parser.add_argument("account", metavar="ACCOUNT", help="an account of the configuration")
    parser.add_argument(
        "words",
        metavar="OPERATION --FIELD VALUE",
        nargs=argparse.REMAINDER,
        help="an operation and what it takes; without one all are listed",
    )


def run(arguments: argparse.Namespace) -> int:
    """List the operations, or call one."""
    words = _without_config(arguments)
    config = configured(arguments)
    account = account_of(config, arguments.account)
    operations = operations_for(account)
    if not words or words[0].startswith("-"):
        print(_listing(account, operations), end="")
        return 0
    return _call(config, account, _found(operations, words[0]), words[1:])


def account_of(config: Config, name: str) -> Account:
    """Return an account of the configuration. Raises ConfigError, which names those that there are."""
    account = config.accounts.get(name)
    if account is None:
        known = ", ".join(sorted(config.accounts)) or "none"
        raise ConfigError(f"{config.path}: no account {name!r}; there are: {known}")
    return account


def operations_for(account: Account) -> Mapping[str, Operation]:
    """Return the operations of an account's provider. Needs no credential."""
    return operations_of_provider(provider(account.provider))


def _call(config: Config, account: Account, operation: Operation, words: Sequence[str]) -> int:
    what = asked(operation, operation_parser(account.name, operation), words)
    missing = [item for item in config.unresolved.get(account.name, ()) if not item.setting.proves]
    try:
        client = provider(account.provider).client(account)
    except AccountError as error:
        reasons = "; ".join(f"{item.place}: {item.reason}" for item in missing)
        raise CommandError(reasons or str(error)) from error
    asyncio.run(_perform(client, operation, what))
    return 0


async def _perform(client: ApiClient, operation: Operation, what: Asked) -> None:
    try:
        await print_answer(operation.method_of(client)(**what.arguments), what)
    finally:
        await client.close()


def _without_config(arguments: argparse.Namespace) -> list[str]:
    """Return the words without `--config FILE`, which may stand anywhere among them, and take it."""
    left: list[str] = []
    words = iter(arguments.words)
    for word in words:
        if word == "--config":
            arguments.config = Path(next(words, ""))
        elif word.startswith("--config="):
            arguments.config = Path(word.partition("=")[2])
        else:
            left.append(word)
    return left


def _found(operations: Mapping[str, Operation], name: str) -> Operation:
    wanted = name.replace("-", "_")
    found = operations.get(wanted)
    if found is None:
        near = [each for each in operations if wanted.partition(".")[0] in each]
        raise CallError(f"no operation {name!r}; there are: {', '.join(near or operations)}")
    return found


def _listing(account: Account, operations: Mapping[str, Operation]) -> str:
    width = max((len(name) for name in operations), default=0)
    lines = (f"  {name:<{width}}  {operation.summary}" for name, operation in operations.items())
    head = f"Operations of account {account.name} ({account.provider}); OPERATION --help tells what each takes:\n"
    return head + "\n".join(lines) + "\n"
