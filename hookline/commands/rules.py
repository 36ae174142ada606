"""Tell how a message would be answered, which rule fires and why the others do not. Sends nothing.

To try it:
  hookline rules test --text "HOURS"
  hookline rules test --text stop --at 2026-12-25T09:30:00Z --json
  hookline rules list
"""

import argparse
import sys
import time
from typing import Any

from hookline.commands.options import add_config, configured
from hookline.configuration.config import Config
from hookline.configuration.problems import ConfigError, suggestion
from hookline.rule_words import list_lines, rules_fields, trial_fields, trial_lines
from hookline.rules import SAMPLE_OURS, SAMPLE_THEIRS, Asked, tried
from providers.contract import Account
from schemas.times import from_clock, parse_time
from schemas.vocabulary import Autoresponse

_TEST = """\
Decide about a message that a person might write, by the same rules and in the same way as the running consumer. What
depends on more than the message is not looked at: consent, answers that were given before, a replay.
Exit status 0, answered or not.
"""
_LIST = """\
Print the rules in the order in which they are tried, with their conditions and the size of their answers, and what of
them can never work. Exit status 0: all is sound; 1: something never works.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do, each with the options that it knows."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")
    test = _action(actions, "test", "decide about a message", _TEST)
    test.add_argument("--text", required=True, metavar="T", help="what the person writes")
    test.add_argument("--account", metavar="A", help="the account that it comes to (default: the only one)")
    test.add_argument(
        "--from",
        dest="theirs",
        default=SAMPLE_THEIRS,
        metavar="N",
        help=f"who writes (default: {SAMPLE_THEIRS}, which belongs to nobody)",
    )
    test.add_argument(
        "--to", dest="ours", default=SAMPLE_OURS, metavar="N", help=f"our number (default: {SAMPLE_OURS})"
    )
    test.add_argument(
        "--at", type=_moment, metavar="TIME", help="when it is written, for example 2026-01-15T21:32:14Z (default: now)"
    )
    test.add_argument(
        "--autoresponse",
        choices=("none", *Autoresponse),
        help="what the provider answers by itself (default: what its documentation says of the text)",
    )
    test.add_argument("--json", action="store_true", help="print one JSON object")
    listed = _action(actions, "list", "print the rules", _LIST)
    listed.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    config = configured(arguments)
    if arguments.action == "list":
        return _list(config, as_json=arguments.json)
    found = tried(config, _asked(config, arguments))
    if arguments.json:
        _print_json(trial_fields(found))
    else:
        print("\n".join(trial_lines(found)))
    return 0


def _list(config: Config, *, as_json: bool) -> int:
    fields = rules_fields(config)
    if as_json:
        _print_json(fields)
    else:
        print("\n".join(list_lines(fields)))
    return 1 if fields["warnings"] else 0


def _asked(config: Config, arguments: argparse.Namespace) -> Asked:
    said: str | None = arguments.autoresponse
    return Asked(
        account=_account(config, arguments.account),
        text=arguments.text,
        theirs=arguments.theirs,
        ours=arguments.ours or None,
        at=from_clock(time.time if arguments.at is None else lambda: arguments.at),
        autoresponse=None if said in {None, "none"} else Autoresponse(said or ""),
        ask_provider=said is None,
    )


def _account(config: Config, name: str | None) -> Account:
    if name is not None and name in config.accounts:
        return config.accounts[name]
    if name is None and len(config.accounts) == 1:
        return next(iter(config.accounts.values()))
    if name is None:
        known = ", ".join(sorted(config.accounts)) or "none"
        raise ConfigError(f"--account: which one? There are: {known}")
    raise ConfigError(f"{config.path}: no account {name!r}: {suggestion(name, config.accounts)}")


def _action(actions: Any, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=summary, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config(parser)
    return parser


def _moment(text: str) -> float:
    moment = parse_time(text)
    if moment is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write for example 2026-01-15T21:32:14Z")
    return moment.timestamp()


def _print_json(fields: Any) -> None:
    import json

    sys.stdout.write(json.dumps(fields, indent=2, ensure_ascii=False) + "\n")
