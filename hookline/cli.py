"""The command line. A command's module is imported when that command runs, so that each starts fast.

Exit status: 0 for success, 1 for a command that failed, 2 for a wrong call or configuration.
"""

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from hookline.errors import report
from hookline.version import __version__


@dataclass(frozen=True, slots=True)
class Command:
    """One command: the module has `add_arguments(parser)` and `run(arguments) -> int`.

    One that `serves` goes on until a signal comes.
    """

    name: str
    module: str
    summary: str
    serves: bool = False


COMMANDS: tuple[Command, ...] = (
    Command("demo", "hookline.demo.command", "show the whole of it at work, with simulated providers"),
    Command("normalize", "hookline.commands.normalize", "print the events that a webhook's body gives"),
    Command("init", "hookline.commands.init", "write a commented configuration"),
    Command("doctor", "hookline.commands.doctor", "say what is wrong and what to do"),
    Command("run", "hookline.commands.run", "receive webhooks and run all consumers", serves=True),
    Command("ingest", "hookline.commands.ingest", "receive webhooks only", serves=True),
    Command("consume", "hookline.commands.consume", "run consumers only", serves=True),
    Command("tail", "hookline.commands.tail", "print records of the log, one JSON object a line"),
    Command("setup", "hookline.commands.setup", "prepare a provider to push to us"),
    Command("call", "hookline.commands.call", "call an operation of a provider and print JSON"),
    Command("spool", "hookline.commands.spool", "look at, check, write out or drain what waits on this host's disk"),
    Command("consent", "hookline.commands.consent", "show whether a person may be texted, or say so"),
    Command("erase", "hookline.commands.erase", "forget a person"),
    Command("topics", "hookline.commands.topics", "make the topics as they should be"),
    Command("simulate", "hookline.simulator.command", "send a provider's traffic to any receiver"),
    Command("version", "hookline.commands.version", "print the version"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    try:
        return _dispatch(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _pipe_closed()
    except Exception as error:  # noqa: BLE001 - whoever runs a command gets one plain line
        return report(error)


def overview_parser() -> argparse.ArgumentParser:
    """Return the parser that knows the names of the commands alone."""
    parser = argparse.ArgumentParser(
        prog="hookline",
        description="Receive webhooks of messaging providers, prove their sender, store them, act on them.",
        epilog="commands:\n"
        + "\n".join(f"  {command.name:<10} {command.summary}" for command in COMMANDS)
        + "\n\n`hookline COMMAND --help` tells more. `hookline demo` shows it all.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hookline {__version__}")
    names = [command.name for command in COMMANDS]
    parser.add_argument("command", metavar="COMMAND", choices=names, help="one of those below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="what the command takes")
    return parser


def command_parser(command: Command) -> tuple[argparse.ArgumentParser, ModuleType]:
    """Return the whole parser of one command, and the module that runs it."""
    module = importlib.import_module(command.module)
    parser = argparse.ArgumentParser(
        prog=f"hookline {command.name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    return parser, module


def _dispatch(argv: list[str]) -> int:
    chosen = overview_parser().parse_args(argv or ["--help"])
    command = next(command for command in COMMANDS if command.name == chosen.command)
    if command.serves:
        _end_at_once_on_signals()
    parser, module = command_parser(command)
    # Options such as `--from -15m` begin with a dash; argparse takes them only when joined by `=`.
    arguments = parser.parse_args(_join_negative(chosen.arguments))
    _quiet_logs()
    status: int = module.run(arguments)
    sys.stdout.flush()
    return status


def _end_at_once_on_signals() -> None:
    """Let SIGTERM and Ctrl-C end the start with status 0; the running process then has its own way to end.

    Nothing is open yet, and the imports that go on meanwhile would answer an exception with a traceback.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: os._exit(0))


def _quiet_logs() -> None:
    """Keep log lines off standard output, where a command's own lines go; those that serve choose for themselves."""
    from hookline.configuration.settings import LoggingSettings
    from hookline.process.logs import configure_logs

    configure_logs(LoggingSettings(level="error"))


def _join_negative(arguments: Sequence[str]) -> list[str]:
    joined: list[str] = []
    for word in arguments:
        if joined and joined[-1] in {"--from", "--at"} and word.startswith("-") and word[1:2].isdigit():
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _pipe_closed() -> int:
    """End quietly: the reader of our output has seen enough (`hookline tail | head`)."""
    # Python flushes stdout at exit and would complain about the closed pipe.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
