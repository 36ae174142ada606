"""Writes the pages that are made from the code: `python -m hookline.docs`. A test compares them.

`docs/configuration.md` comes from the settings' own documentation, `docs/cli.md` from the help texts,
`docs/metrics.md` from the registries, `docs/words.md` and `docs/operations.md` from the providers' folders.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from prometheus_client import CollectorRegistry

from consumers.metrics import ConsumerMetrics
from hookline.cli import COMMANDS, command_parser, overview_parser
from hookline.configuration.config import TABLES
from hookline.configuration.tables import settings_of
from hookline.docs_providers import operations_page, words_page
from hookline.process.merged_metrics import SupervisorMetrics
from hookline.process.metrics import ProcessMetrics
from ingest.metrics import IngestMetrics
from providers.contract import Provider, Setting
from providers.registry import PROVIDERS
from schemas.settings import limits_of

FOLDER = Path(__file__).parents[1] / "docs"
_NOTE = "<!-- Written by `python -m hookline.docs`. Do not edit. -->\n"


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Wraps to one width, whatever the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def main() -> int:
    """Write the pages into `docs/`."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"wrote docs/{name}")
    return 0


def pages() -> Mapping[str, str]:
    """Return the pages by their file names."""
    return {
        "configuration.md": configuration_page(),
        "cli.md": cli_page(),
        "metrics.md": metrics_page(),
        "words.md": words_page(_NOTE),
        "operations.md": operations_page(_NOTE),
    }


def configuration_page() -> str:
    """Return the page of every setting."""
    tables = [section for name, cls in TABLES.items() for section in _sections(cls, name)]
    accounts = [_provider_section(provider) for _, provider in sorted(PROVIDERS.items())]
    return "\n".join((_NOTE, _CONFIGURATION_HEAD, *tables, _ACCOUNTS_HEAD, *accounts))


def cli_page() -> str:
    """Return the page of every command's help."""
    parts = [_NOTE, _CLI_HEAD, _help("hookline", overview_parser())]
    for command in COMMANDS:
        parser, _ = command_parser(command)
        parts.append(_help(f"hookline {command.name}", parser))
        parts += [_help(nested.prog, nested) for nested in _nested(parser)]
    return "\n".join(parts)


def metrics_page() -> str:
    """Return the page of every metric."""
    registry = CollectorRegistry()
    for make in (IngestMetrics, ConsumerMetrics, ProcessMetrics, SupervisorMetrics):
        make(registry)
    rows = [
        f"| `{_metric_name(metric.name, metric.type)}` | {metric.type} | {metric.documentation} |"
        for metric in sorted(registry.collect(), key=lambda metric: metric.name)
        # What the process figures are depends on the system; they are the library's own.
        if not metric.name.startswith("process_")
    ]
    return "\n".join((_NOTE, _METRICS_HEAD, "| metric | kind | what |", "|---|---|---|", *rows, ""))


def _sections(cls: type, name: str, *, many: bool = False) -> Iterator[str]:
    hints = get_type_hints(cls)
    plain: list[str] = []
    nested: list[str] = []
    for key, item in settings_of(cls).items():
        hint = hints[item.name]
        inner = _table_of(hint)
        if inner is None:
            plain.append(f"| `{key}` | {_kind(hint)} | {_default(item)} | {_what(hint, item)} |")
        else:
            named = ".NAME" if get_origin(hint) is Mapping else ""
            nested += _sections(inner, f"{name}.{key}{named}", many=get_origin(hint) is tuple)
    heading = f"[[{name}]]" if many else f"[{name}]"
    yield "\n".join((f"## `{heading}`", "", _TABLE_HEAD, *plain, ""))
    yield from nested


def _table_of(hint: Any) -> type | None:
    inner = get_args(hint)[_ITEM[get_origin(hint)]] if get_origin(hint) in _ITEM else hint
    return inner if isinstance(inner, type) and is_dataclass(inner) else None


def _kind(hint: Any) -> str:
    if get_origin(hint) in (Union, UnionType):
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
    if get_origin(hint) is tuple:
        return f"list of {_KINDS[get_args(hint)[0]]}s"
    if get_origin(hint) is Mapping:
        return f"table of {_KINDS[get_args(hint)[1]]}s"
    return _KINDS[hint]


def _what(hint: Any, item: Field[Any]) -> str:
    if get_origin(hint) in _ITEM or _kind(hint) not in _NUMBERS:
        return str(item.metadata["doc"])
    return f"{item.metadata['doc']} ({limits_of(item.default, item.metadata.get('limits'))})"


def _default(item: Field[Any]) -> str:
    if item.default is MISSING and item.default_factory is MISSING:
        return "must be given"
    if item.default in {None, MISSING}:
        return "none"
    return f"`{json.dumps(item.default)}`"


def _provider_section(provider: Provider) -> str:
    rows = [row for setting in provider.settings for row in _setting_rows(setting, "")]
    return "\n".join((f"### {provider.title}: `provider = {json.dumps(provider.name)}`", "", _TABLE_HEAD, *rows, ""))


def _setting_rows(setting: Setting, prefix: str) -> Iterator[str]:
    yield _setting_row(setting, prefix)
    for item in setting.fields:
        yield from _setting_rows(item, f"{prefix}{setting.name}.")


def _setting_row(setting: Setting, prefix: str) -> str:
    kind = _setting_kind(setting)
    default = "none" if setting.default is None else f"`{json.dumps(setting.default)}`"
    portal = f" Found at: {setting.portal}." if setting.portal else ""
    return f"| `{prefix}{setting.name}` | {kind} | {default} | {setting.summary}{'.' if portal else ''}{portal} |"


def _setting_kind(setting: Setting) -> str:
    kinds = ["table"] if setting.fields or setting.kind is dict else []
    if setting.secret or not kinds:
        kinds.append("reference" if setting.secret else _KINDS[setting.kind])
    kind = " or ".join(kinds)
    return f"list of {kind}s" if setting.many else kind


def _help(title: str, parser: argparse.ArgumentParser) -> str:
    parser.formatter_class = _Formatter
    return f"## `{title}`\n\n```text\n{parser.format_help()}```\n"


def _nested(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    # argparse has no public way to ask a parser for its commands.
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - see above
    return [nested for group in groups for nested in group.choices.values()]


def _metric_name(name: str, kind: str) -> str:
    return f"{name}_total" if kind == "counter" else f"{name}_info" if kind == "info" else name


_KINDS: Mapping[Any, str] = {Path: "path", str: "text", int: "whole number", float: "number", bool: "flag"}
_ITEM: Mapping[Any, int] = {tuple: 0, Mapping: 1}
"""Which argument of a type with several values is the type of one."""

_NUMBERS = (_KINDS[int], _KINDS[float])
_TABLE_HEAD = "| key | kind | default | what |\n|---|---|---|---|"
_CONFIGURATION_HEAD = """# Configuration

One TOML file, `hookline.toml` in the working directory or where `--config FILE` points. `hookline init telnyx` writes
one to start from. Everything has a default but the accounts.

- An unknown key is an error, told with its line. The problems of a file are told together, with exit status 2. What a
  value means (a template, a pattern, a URL, the name of an account) is read once all values of its table, and of those
  below it, are of the right kind and range: mend those first, and more may be told.
- Relative paths are relative to the file, and `~` is refused. `sqlite:///var/hookline.db` is relative, `sqlite:////var/lib/hookline.db`
  absolute.
- A **reference** is `env:NAME`, a variable of the environment, or `file:PATH`, a file whose last newline does not
  count. Secrets are references, never the value itself; public keys may be either.
- Times are in seconds, sizes in bytes. What a number may be stands in parentheses; both ends are included.
"""
_ACCOUNTS_HEAD = """## `[accounts.NAME]`

What we have at a provider, one table for each account. `NAME` (letters, digits, `_`, `-`) is part of the URL: the
provider posts to `/webhooks/NAME`. An account without a usable key keeps the receiver from starting.

An account that has replies (a rule, or `default_reply`) and no credential to send them does not: receiving must not
wait for it. `hookline run` logs `replies_cannot_be_sent` as an error at its start and completes such commands as
`failed` with the reason `no_sender`; `hookline doctor` fails on it. Nor does a ledger that cannot be opened: send is
tried again until it can, which `/healthz` and the log line `consumer_down` show.

| key | kind | default | what |
|---|---|---|---|
| `provider` | text | must be given | whose account it is |
| `tenant` | text | none | a label of yours that every event of the account carries |
"""
_CLI_HEAD = """# Command line

Exit status: 0 for success, 1 for a command that failed, 2 for a wrong call or configuration. Errors are one plain line
on stderr; `HOOKLINE_DEBUG=1` shows the traceback.

`run`, `ingest` and `consume` go on until SIGTERM or Ctrl-C, which end them with status 0 also while they start. Only
before Python has read the command line, some hundredths of a second, the signal ends the process by itself.

`hookline ingest --workers N` starts N processes that share the address; Apache Kafka only, as the embedded log has one
receiver. Each worker gets 1/N of `[spool] max_bytes`; the limits of `[server]` hold for each worker. Polls run in
worker 1. A worker that ends is replaced, at once the first time, then after a pause of 0.5 to 15 seconds; the log line
`worker_ended` tells how. What it left in its spool its replacement stores. SIGTERM for the parent ends all in order; a
second one at once. SIGTERM for a worker replaces that one in order. Workers whose parent was killed end by themselves.
While no worker is left, connections are refused; after 60 seconds without one that is up `/healthz` answers 503.
The variable `HOOKLINE_WORKER` is between parent and workers; nobody else sets it.
"""
_METRICS_HEAD = """# Metrics

`GET /metrics` on the admin address, in the Prometheus text format. Labels are bounded: accounts and rules come from the
configuration, the rest from fixed lists. No phone number and no text is ever a label. The `process_` figures of
`prometheus_client` (memory, CPU time, open files) are there too.

Of `hookline ingest --workers N` the one admin address gives the figures of all workers, each sample with the label
`worker` (`1` to `N`; `parent` for the `process_` and other figures that every process has), and those named
`hookline_worker` of the parent. A worker that was replaced counts from 0 again, as any process that starts anew.
"""


if __name__ == "__main__":
    sys.exit(main())
