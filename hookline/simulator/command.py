"""Send a provider's traffic to any receiver: signed, with its retries, duplicates, forgeries and odd orders.

The exit status is 0 only if every genuine event was acknowledged and every forgery refused.

With --api the provider's API is there too: what is sent through it is reported to the receiver, and what it keeps
until it is confirmed can be polled. To serve the API alone, until Ctrl-C:
  hookline simulate messagemedia --api 127.0.0.1:8800 --count 0
"""

import argparse
import asyncio
import secrets
import sys
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hookline.errors import CallError
from hookline.process.ending import loop_factory
from hookline.simulator.arguments import address, count, is_loopback, misbehavior, positive, url, whole
from hookline.simulator.keyfile import SEED_BYTES, seed_from
from hookline.simulator.run import Plan, Result, Show, nothing_beside, simulate
from hookline.simulator.serving import ApiPlan, serve_alone, served
from hookline.simulator.tally import Report
from hookline.simulator.wording import live_text, summary_rows
from providers.registry import CLOUDS
from providers.simulation import Cloud, Misbehavior


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to send, where, and how fast, and what to serve."""
    parser.add_argument("provider", choices=list(CLOUDS), help="whose traffic")
    parser.add_argument("--url", type=url, help="where to send: http://HOST:PORT/webhooks/ACCOUNT")
    parser.add_argument("--rate", type=positive, default=10.0, metavar="N", help="webhooks a second (default: 10)")
    parser.add_argument(
        "--count", type=count, default=100, metavar="N", help="webhooks in all (default: 100); 0 serves the API alone"
    )
    parser.add_argument(
        "--api", type=address, metavar="HOST:PORT", help="serve the provider's API there, on this machine (0: any port)"
    )
    parser.add_argument(
        "--misbehave",
        type=misbehavior,
        action="append",
        default=[],
        metavar="KIND[:TIMES]",
        help=f"go wrong in so many calls or deliveries (default: 1): {', '.join(Misbehavior)}; can be repeated",
    )
    parser.add_argument(
        "--slow", type=positive, default=5.0, metavar="SECONDS", help="how long a slow call takes (default: 5)"
    )
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
    check(arguments)
    cloud = _cloud(arguments.provider, arguments.key_file)
    api = _api_plan(cloud, arguments)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        if api is not None and arguments.url is None:
            runner.run(serve_alone(cloud, api))
            return 0
        return _send(runner, cloud, arguments, api)


def check(arguments: argparse.Namespace) -> None:
    """Raise CallError for options that do not go together, or lead to other machines."""
    if arguments.url is None and (arguments.api is None or arguments.count):
        raise CallError("--url says where to send; without it there is --api HOST:PORT with --count 0")
    if arguments.count == 0 and arguments.api is None:
        raise CallError("--count 0 sends nothing: --api HOST:PORT serves the API alone")
    if arguments.url is not None and not arguments.anywhere and not is_loopback(urlsplit(arguments.url).hostname or ""):
        raise CallError(f"{arguments.url} is another machine: --anywhere sends there; ask its owner first")
    if arguments.api is not None and not is_loopback(arguments.api[0]):
        raise CallError(f"--api {arguments.api[0]}: a simulated API is for this machine alone, such as 127.0.0.1")
    for kind, _ in arguments.misbehave:
        if arguments.api is None and kind is not Misbehavior.DUPLICATES:
            raise CallError(f"--misbehave {kind} is of the API: --api HOST:PORT serves it")
        if arguments.url is None and kind is Misbehavior.DUPLICATES:
            raise CallError(f"--misbehave {kind} is of deliveries: --url says where to send them")


def _send(runner: asyncio.Runner, cloud: Cloud, arguments: argparse.Namespace, api: ApiPlan | None) -> int:
    plan = Plan(
        url=arguments.url,
        rate=arguments.rate,
        count=arguments.count,
        duplicates=sum(times for kind, times in arguments.misbehave if kind is Misbehavior.DUPLICATES),
        seed=arguments.seed,
        concurrency=arguments.concurrency,
        forgeries=not arguments.no_forgeries,
    )
    console = Console(highlight=False)
    beside = nothing_beside if api is None else partial(served, cloud, api)
    with _screen(console) as show:
        result = runner.run(simulate(cloud, plan, show, beside))
    _print_summary(console, result)
    return 0 if result.clean or (plan.count == 0 and result.report.clean) else 1


def _api_plan(cloud: Cloud, arguments: argparse.Namespace) -> ApiPlan | None:
    if arguments.api is None:
        return None

    def told(base_url: str) -> None:
        print(f"The API is at {base_url}. An account for it:")
        for line in cloud.account_lines(base_url, lambda name: f"env:{name}"):
            print(f"  {line}")
        sys.stdout.flush()

    host, port = arguments.api
    faults = [(kind, times) for kind, times in arguments.misbehave if kind is not Misbehavior.DUPLICATES]
    return ApiPlan(host=host, port=port, misbehaviors=faults, slow=arguments.slow, told=told)


def _cloud(provider: str, key_file: Path | None) -> Cloud:
    seed, made = seed_from(key_file) if key_file else (secrets.token_bytes(SEED_BYTES), True)
    cloud = CLOUDS[provider](seed)
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
