"""Say what is wrong with an installation and what to do; exit status 1 where something will not work.

`hookline doctor signature` tells why a captured request verifies or not.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path

from hookline.commands.options import add_config, configured, read_input
from hookline.configuration.config import Config
from hookline.configuration.problems import ConfigError
from providers.contract import Account, Verifier


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the configuration, or `signature` and what it needs."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    actions = parser.add_subparsers(dest="action", metavar="[signature ...]", title="on one request")
    signature = actions.add_parser(
        "signature",
        help="tell why a captured request verifies or not",
        description="Tell why a captured request verifies or not. Shows no secret. Exit status 0 if it verifies.",
    )
    signature.add_argument("--account", required=True, metavar="A", help="the account whose keys are to be used")
    signature.add_argument(
        "--request",
        required=True,
        metavar="FILE",
        help="raw HTTP bytes as captured, or a line that `hookline tail` printed from messaging.webhooks.v1; "
        "`-` reads standard input",
    )
    signature.add_argument("--peer", metavar="ADDRESS", help="judge as if it came from this address (mutual TLS)")
    signature.add_argument(
        "--at",
        type=_time,
        metavar="TIME",
        help="judge as if it were this time, for example 2026-01-15T21:32:14Z "
        "(default: now; for a line of `hookline tail` the time it was received)",
    )
    signature.add_argument(
        "--config", type=Path, default=argparse.SUPPRESS, metavar="FILE", help="as above: hookline.toml by default"
    )
    signature.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Examine the installation, or one request."""
    if arguments.action == "signature":
        return _signature(arguments)
    from hookline.doctor.examine import examine, read_config
    from hookline.doctor.report import as_json, as_lines, has_failed

    config, checks = read_config(arguments.config)
    if config is not None:
        checks += asyncio.run(examine(config))
    sys.stdout.write(as_json(checks) if arguments.json else as_lines(checks))
    return 1 if has_failed(checks) else 0


def _signature(arguments: argparse.Namespace) -> int:
    from hookline.doctor.captured import parse_captured
    from hookline.doctor.report import Check, Grade, as_json
    from hookline.doctor.signature import explain
    from providers.registry import provider
    from schemas.times import format_time, from_clock

    config = configured(arguments)
    account = _account(config, arguments.account)
    captured = parse_captured(read_input(arguments.request))
    if arguments.peer is not None:
        captured = replace(captured, request=replace(captured.request, peer=arguments.peer))
    now = _moment(arguments.at, captured.received_at)
    found = explain(provider(account.provider).verifier(account), captured, now, _others(config, account))
    checks = [
        Check("signature", Grade.OK if item.ok else Grade.FAIL, item.title, item.advice) for item in found.findings
    ]
    if arguments.json:
        sys.stdout.write(as_json(checks))
        return 0 if found.verified else 1
    print(f"judged at {format_time(from_clock(lambda: now))}{_why(arguments.at, captured.received_at)}")
    for check in checks:
        print(f"{check.grade:<5} {check.title}{chr(10) + '      -> ' + check.advice if check.advice else ''}")
    key = f" with {found.verification.key}" if found.verification.key else ""
    print(f"\nverdict: {found.verification.verdict}{key}")
    return 0 if found.verified else 1


def _account(config: Config, name: str) -> Account:
    from hookline.process.startup import unable_to_verify

    account = config.accounts.get(name)
    if account is None:
        known = ", ".join(sorted(config.accounts)) or "none"
        raise ConfigError(f"{config.path}: no account {name!r}; there are: {known}")
    unable = unable_to_verify(config, account)
    if unable is not None:
        raise ConfigError(f"account {name!r} cannot prove a sender: {unable.reason}")
    return account


def _others(config: Config, account: Account) -> dict[str, Verifier]:
    from hookline.process.startup import unable_to_verify
    from providers.registry import provider

    return {
        other.name: provider(other.provider).verifier(other)
        for other in config.accounts.values()
        if other is not account and other.provider == account.provider and unable_to_verify(config, other) is None
    }


def _moment(at: float | None, received_at: float | None) -> float:
    if at is not None:
        return at
    return time.time() if received_at is None else received_at


def _why(at: float | None, received_at: float | None) -> str:
    if at is not None:
        return ", as --at says"
    return ", now (--at TIME judges at another time)" if received_at is None else ", when it was received"


def _time(text: str) -> float:
    from schemas.times import parse_time

    moment = parse_time(text)
    if moment is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write for example 2026-01-15T21:32:14Z")
    return moment.timestamp()
