"""Show the whole of Hookline at work on this machine, with simulated providers that send to it.

A receiver, all consumers and the embedded log run in one process on ports of 127.0.0.1. They serve several accounts,
two of them at one provider, each with a simulated cloud of its own. Nothing leaves the machine. Ctrl-C ends it with
a summary. The exit status is 0 only if every acknowledged event is in the log, every reply that was due was sent
once, no forgery got in, and nothing of one account came to another.

With --outage the broker is away for so long: another connection holds the write lock of the log's file, and nothing
can be stored. Webhooks go on to be acknowledged; they wait in the spool and are drained when the broker is back.
"""

import argparse
import asyncio
import shlex
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hookline.called import command, shown
from hookline.configuration.settings import LoggingSettings
from hookline.demo.folder import Folder, opened
from hookline.demo.outage import AFTERWARDS, LEAD, Plan
from hookline.demo.screen import render
from hookline.demo.show import Options, Outcome, Show
from hookline.demo.sites import Site, new_sites
from hookline.demo.summary import rows, verdict
from hookline.demo.view import View, plain_lines
from hookline.errors import CommandError
from hookline.process.ending import loop_factory
from hookline.process.logs import configure_logs
from hookline.simulator.arguments import positive
from schemas.topics import INBOUND

_SCREEN_EVERY, _LINE_EVERY = 0.25, 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take how long, how fast and where."""
    parser.add_argument(
        "--for", dest="seconds", type=positive, metavar="SECONDS", help="end by itself (default: go on until Ctrl-C)"
    )
    parser.add_argument(
        "--outage",
        type=positive,
        metavar="SECONDS",
        help=f"take the broker away for so long, {LEAD:g} s after the start; ends by itself some seconds later",
    )
    parser.add_argument(
        "--rate", type=positive, default=8.0, metavar="N", help="webhooks a second of all accounts (default: 8)"
    )
    parser.add_argument(
        "--dir",
        type=Path,
        default=Path("var/demo"),
        metavar="DIR",
        help="where configuration, keys and log go (default: var/demo)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the demo and return 0 only if its final check found nothing wrong."""
    console = Console(highlight=False)
    every = _SCREEN_EVERY if _can_redraw(console) else _LINE_EVERY
    options = options_of(arguments, every)
    with opened(arguments.dir) as folder, folder.log_file.open("w", encoding="utf-8") as log_file:
        configure_logs(LoggingSettings(format="json"), log_file)
        with asyncio.Runner(loop_factory=loop_factory()) as runner, _single_errors():
            outcome = runner.run(_perform(folder, options, console))
    _print_end(console, outcome, folder)
    return 0 if outcome.clean else 1


def options_of(arguments: argparse.Namespace, refresh: float) -> Options:
    """Return what the arguments ask for. Raises CommandError where the outage does not fit into the time."""
    seconds: float | None = arguments.seconds
    plan = None if arguments.outage is None else Plan(seconds=arguments.outage)
    if plan is not None and seconds is not None and seconds < plan.end:
        raise CommandError(f"--outage {plan.seconds:g} needs --for {plan.end:g} at least, or no --for at all")
    if plan is not None and seconds is None:
        seconds = plan.end + AFTERWARDS
    return Options(rate=arguments.rate, seconds=seconds, refresh=refresh, outage=plan)


@contextmanager
def _single_errors() -> Generator[None]:
    """Let what broke one task be told as itself: a closed pipe is no internal error."""
    try:
        yield
    except ExceptionGroup as group:
        raise group.exceptions[0] from group


async def _perform(folder: Folder, options: Options, console: Console) -> Outcome:
    sites = new_sites()
    show = Show(sites, folder, options)
    screen = _Screen(console)
    with screen.shown():

        async def ready(url: str) -> None:
            await asyncio.to_thread(_introduce, screen, folder, _introduction(folder, url, sites, options))

        return await show.run(ready, screen.paint)


def _introduce(screen: "_Screen", folder: Folder, text: str) -> None:
    # On a low terminal the picture pushes the first of the lines out of sight.
    path = folder.request_body.with_name("paste.txt")
    path.write_text(text, encoding="utf-8")
    screen.introduce(f"{text}(These lines are in {shlex.quote(shown(path))} too.)\n")


class _Screen:
    """A picture on a terminal, lines anywhere else."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)

    @contextmanager
    def shown(self) -> Generator[None]:
        """Leave the terminal as it was, whatever happens inside."""
        try:
            yield
        finally:
            self._live.stop()

    def introduce(self, text: str) -> None:
        """Print what stays above the picture, lines unbroken so that they can be copied."""
        print(text, flush=True)
        if _can_redraw(self._console):
            self._live.start()

    def paint(self, view: View) -> None:
        """Show the figures."""
        if not _can_redraw(self._console):
            print("\n".join(plain_lines(view)), flush=True)
            return
        size = self._console.size
        self._live.update(render(view, size.width, size.height), refresh=True)


def _can_redraw(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal


def _introduction(folder: Folder, url: str, sites: Sequence[Site], options: Options) -> str:
    config, body, headers = (
        shlex.quote(shown(path)) for path in (folder.config, folder.request_body, folder.request_headers)
    )
    accounts = ", ".join(f"{site.account} ({site.title})" for site in sites)
    length = f"for {options.seconds:g} s" if options.seconds else "until Ctrl-C"
    return f"""\
Hookline demo, {length}: simulated clouds send {options.rate:g} webhooks a second to {url.rpartition("/")[0]}/ACCOUNT
Accounts: {accounts}
Configuration: {config}   log lines: {shlex.quote(shown(folder.log_file))}

In a second terminal, a message of your own to {sites[0].account} (signed anew every 30 s, good for 5 minutes):
curl -i -H @{headers} --data-binary @{body} {url}

and what people wrote, yours too:
{command("tail")} --config {config} --topic {INBOUND.name} --from earliest
"""


def _print_end(console: Console, outcome: Outcome, folder: Folder) -> None:
    if console.is_terminal:
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        for name, value in rows(outcome):
            table.add_row(Text(name, style="dim"), Text(value))
        console.print(table)
    else:
        for name, value in rows(outcome):
            print(f"{name}: {value}")
    for line in verdict(outcome):
        console.print(Text(line, style="green" if outcome.clean else "bold red"), soft_wrap=True)
    print(f"The log is kept until the next demo: {shown(folder.data)}", flush=True)
