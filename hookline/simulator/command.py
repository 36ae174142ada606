"""Send a provider's traffic to any receiver: signed, with its retries, duplicates, forgeries and odd orders.

The exit status is 0 only if every genuine event was acknowledged and every forgery refused.
"""

import argparse
import asyncio
import ipaddress
import secrets
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hookline.errors import CommandError
from hookline.process.serving import loop_factory
from hookline.simulator.arguments import positive, url, whole
from hookline.simulator.keyfile import SEED_BYTES, seed_from
from hookline.simulator.run import Plan, Result, Show, simulate
from hookline.simulator.tally import Report
from hookline.simulator.wording import live_text, summary_rows
from providers.contract import AccountError
from providers.registry import cloud as cloud_of
from providers.simulation import Cloud


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to send, where, and how fast."""
    parser.add_argument("provider", help="whose traffic: telnyx")
    parser.add_argument("--url", type=url, required=True, help="where to send: http://HOST:PORT/webhooks/ACCOUNT")
    parser.add_argument("--rate", type=positive, default=10.0, metavar="N", help="webhooks a second (default: 10)")
    parser.add_argument("--count", type=whole, default=100, metavar="N", help="webhooks in all (default: 100)")
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="the private key to sign with; made where it is missing (default: a new key for each run)",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="the same traffic each time (default: new traffic)")
    parser.add_argument("--concurrency", type=whole, default=32, metavar="N", help="requests at once (default: 32)")
    parser.add_argument("--no-forgeries", action="store_true", help="send genuine webhooks only")
    parser.add_argument("--anywhere", action="store_true", help="send to other machines too; ask their owner first")


def run(arguments: argparse.Namespace) -> int:
    """Send, and return 0 only if all went as it must."""
    plan = Plan(
        url=arguments.url,
        rate=arguments.rate,
        count=arguments.count,
        seed=arguments.seed,
        concurrency=arguments.concurrency,
        forgeries=not arguments.no_forgeries,
    )
    if not arguments.anywhere and not _is_loopback(plan.url):
        raise CommandError(f"{plan.url} is another machine: --anywhere sends there; ask its owner first")
    cloud = _cloud(arguments.provider, arguments.key_file)
    console = Console(highlight=False)
    with _screen(console) as show, asyncio.Runner(loop_factory=loop_factory()) as runner:
        result = runner.run(simulate(cloud, plan, show))
    _print_summary(console, result)
    return 0 if result.clean else 1


def _cloud(provider: str, key_file: Path | None) -> Cloud:
    seed, made = seed_from(key_file) if key_file else (secrets.token_bytes(SEED_BYTES), True)
    try:
        cloud = cloud_of(provider, seed)
    except AccountError as error:
        raise CommandError(str(error)) from error
    print(f"The receiver must trust {'this new' if made else 'the'} key. It needs:")
    for name, value in cloud.environment().items():
        print(f"  {name}={value}")
    if key_file is None:
        print("The key ends with this run; --key-file FILE keeps one.")
    sys.stdout.flush()
    if made and sys.stdin.isatty() and sys.stdout.isatty():
        input("Press Enter when the receiver runs with it. ")
    return cloud


@contextmanager
def _screen(console: Console) -> Generator[Show]:
    if not console.is_terminal or console.is_dumb_terminal:
        yield _plain_lines(5.0)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda report, in_hand: live.update(Text(live_text(report, in_hand)), refresh=True)


def _plain_lines(every: float) -> Show:
    """Print a line every few seconds where no terminal can be written over."""
    from time import monotonic

    due = monotonic() + every

    def show(report: Report, in_hand: int) -> None:
        nonlocal due
        if monotonic() >= due:
            due = monotonic() + every
            print(live_text(report, in_hand), flush=True)

    return show


def _print_summary(console: Console, result: Result) -> None:
    rows = summary_rows(result.report)
    if console.is_terminal:
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        for name, value in rows:
            table.add_row(Text(name, style="bold red" if name.isupper() else "dim"), value)
        console.print(table)
    else:
        for name, value in rows:
            print(f"{name}: {value}")
    print(_verdict(result), flush=True)


def _verdict(result: Result) -> str:
    report = result.report
    if result.clean:
        return "All well: every genuine event was acknowledged, every forgery refused."
    if report.wrongly_refused and not report.acknowledged:
        return "Not well: the receiver believed nothing. Does it trust the key above, and does its clock agree?"
    if not report.latency.count and not report.forged - report.undecided:
        return "Not well: no answer came that counts. Is the receiver up at this URL?"
    return "Not well: see above."


def _is_loopback(target: str) -> bool:
    host = urlsplit(target).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
