"""Prepare a provider to push to us: webhooks, keys, subscriptions, as far as its API allows.

The plan is shown first and changes nothing. --apply carries it out; on a terminal you are asked. It is safe to
repeat: what is right already is kept. What only a person can do stands in the plan as a step by hand.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from hookline.commands.call import account_of
from hookline.commands.options import add_config, configured
from hookline.configuration.config import Config, ConfigError
from hookline.errors import CommandError
from hookline.keeping import keeper
from hookline.simulator.arguments import url
from providers.contract import Account, AccountError
from providers.registry import provider
from providers.roles import Setup, SetupRequest, SetupStep, StepKind

_MARKS = {
    StepKind.CREATE: "+",
    StepKind.CHANGE: "~",
    StepKind.REMOVE: "-",
    StepKind.KEEP: "=",
    StepKind.MANUAL: "!",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the account, its public URL, and what else is wanted."""
    add_config(parser)
    parser.add_argument("account", metavar="ACCOUNT", help="an account of the configuration")
    parser.add_argument(
        "--url", type=url, required=True, help="where the provider reaches us: https://HOST/webhooks/ACCOUNT"
    )
    parser.add_argument("--apply", action="store_true", help="carry the plan out without asking")
    parser.add_argument("--rotate", action="store_true", help="make a new signature key, where the provider has them")
    parser.add_argument("--remove-old", action="store_true", help="remove the keys that the configuration has not")


def run(arguments: argparse.Namespace) -> int:
    """Show the plan, and carry it out if that is wanted."""
    config = configured(arguments)
    account = account_of(config, arguments.account)
    request = SetupRequest(
        url=_checked(arguments.url, account.name),
        keep=keeper(config.path.parent),
        rotate=arguments.rotate,
        remove_old=arguments.remove_old,
    )
    setup = _setup_of(config, account, request)
    steps = asyncio.run(_planned(setup))
    print(_plan_text(account, request.url, steps), end="", flush=True)
    if not any(step.apply for step in steps):
        print("Nothing to be done by us.")
    elif arguments.apply or _agreed():
        asyncio.run(_carry_out(setup, steps))
        print("Done. To run it again shows what is left.")
    return 0


def _checked(text: str, account: str) -> str:
    """Return the URL. Raises ConfigError where it cannot be that of the account."""
    parts = urlsplit(text)
    if parts.query or parts.fragment:
        raise ConfigError(f"{text}: without a query: that is for the provider's folder to add")
    if parts.path.rstrip("/") in {"", "/webhooks"}:
        raise ConfigError(f"{text}: expected the account's whole URL, such as {text.rstrip('/')}/webhooks/{account}")
    return text


def _setup_of(config: Config, account: Account, request: SetupRequest) -> Setup:
    missing = [item for item in config.unresolved.get(account.name, ()) if not item.setting.proves]
    try:
        return provider(account.provider).setup(account, request)
    except AccountError as error:
        raise CommandError("; ".join(f"{item.place}: {item.reason}" for item in missing) or str(error)) from error


async def _planned(setup: Setup) -> Sequence[SetupStep]:
    try:
        return await setup.plan()
    finally:
        # The question to the operator may stand for long; the connections open again with the next call.
        await setup.close()


def _plan_text(account: Account, url: str, steps: Sequence[SetupStep]) -> str:
    title = provider(account.provider).title
    lines = [f"Plan for account {account.name} at {title} (+ create, ~ change, - remove, = keep, ! by hand):"]
    for step in (*_https(url), *steps):
        lines.append(f"  {_MARKS[step.kind]} {step.what}")
        lines += [f"      {line}" for line in step.detail.splitlines()]
    return "\n".join(lines) + "\n"


def _https(url: str) -> Sequence[SetupStep]:
    """Return the step of putting TLS in front, where the URL leaves the machine without it."""
    parts = urlsplit(url)
    if parts.scheme == "https" or _is_loopback(parts.hostname or ""):
        return ()
    advice = (
        "The public URL is not https: texts, numbers and secrets would travel in the clear. Put TLS in front first."
    )
    return (SetupStep(StepKind.MANUAL, "https", advice),)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _agreed() -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("--apply carries it out.")
        return False
    return input("Carry it out? [y/N] ").strip().lower() in {"y", "yes"}


async def _carry_out(setup: Setup, steps: Sequence[SetupStep]) -> None:
    try:
        for step in steps:
            if step.apply is not None:
                told = await step.apply()
                print(f"{_MARKS[step.kind]} {step.what}: done", flush=True)
                for line in told:
                    print(f"    {line}", flush=True)
    finally:
        await setup.close()
