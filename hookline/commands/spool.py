"""Look at the spool, check it, write it out, or drain it: what waits on this host's disk while the log is away.

Exit status: 0 all is good; 1 something is left, damaged or set aside, or the command could not do its work; 2 a wrong
call or configuration.

To try it:
  hookline spool inspect
  hookline spool export --output spooled.jsonl
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hookline.commands.options import add_config, configured
from hookline.configuration.config import Config
from hookline.errors import CommandError
from hookline.many import many
from hookline.simulator.arguments import positive
from hookline.spooling import again, draining, exporting, reading, words
from ingest.settings import SpoolSettings
from schemas.times import from_clock

_DEADLINE = 600.0
_INSPECT = """\
Tell of each worker's folder whether a live process holds it or it is orphaned, how much waits in it, since when, and
whose. Changes nothing; works beside a running receiver and without one. Of a segment that is drained in part all
records are shown, as it is removed as a whole. Exit status 0, whatever waits; 1 where there is no spool to look at.
"""
_VERIFY = """\
Read everything with its checksums and name what is damaged, also what was set aside earlier: a line for each place,
with the webhook's id where it can be read. A torn tail does not count: it is mostly a write that was cut before its
answer, and bytes that a disk lost at the end of the newest segment cannot be told from it. Changes nothing; works
beside a running receiver.
Exit status 0: all is sound; 1: something is damaged or set aside.
"""
_EXPORT = """\
Print records as lines of JSON, as `hookline tail` prints raw records, with their place as `spool`; of a segment that is
drained in part all of them, and an id that is in the log too is no loss. They hold what people wrote. Changes nothing.
Exit status 0: all that waits was written; 1: something could not be read, `hookline spool verify` names it.
"""
_DRAIN = """\
Take over folders whose process is gone and publish them to the log, as a receiver does by itself. Where another process
lives it drains its own; that one's folder is named, and what waits in it counts as left. With --damaged, publish what
was set aside once more: what can be read goes to the log under its own id, the rest stays. A segment that is drained
and cannot be removed is left too: it would be published again, under the same ids.
Exit status 0: nothing is left; 1: something is, and where and why is told. It can be run again at any time.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do, each with the options that it knows."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")
    inspect = _action(actions, "inspect", "what waits, since when, and who holds it", _INSPECT)
    inspect.add_argument("--json", action="store_true", help="print one JSON object")
    verify = _action(actions, "verify", "read everything with its checksums", _VERIFY)
    verify.add_argument("--json", action="store_true", help="print one JSON object")
    export = _action(actions, "export", "print what waits as lines of JSON", _EXPORT)
    export.add_argument("--damaged", action="store_true", help="the bytes that were set aside, and what they hold")
    export.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="a new file instead of standard output, readable by its owner alone; bodies are personal data",
    )
    drain = _action(actions, "drain", "publish what no live process holds", _DRAIN)
    drain.add_argument("--damaged", action="store_true", help="what was set aside instead, as far as it can be read")
    drain.add_argument(
        "--deadline",
        type=positive,
        default=_DEADLINE,
        metavar="SECONDS",
        help=f"end after so long, what is left stays (default: {_DEADLINE:g})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; each has its own exit status."""
    config = configured(arguments)
    if not reading.is_there(config.spool):
        return _absent(config)
    match arguments.action:
        case "inspect":
            return _inspect(config.spool, as_json=arguments.json)
        case "verify":
            return _verify(config.spool, as_json=arguments.json)
        case "export":
            return _export(config.spool, arguments.output, damaged=arguments.damaged)
        case _ if arguments.damaged:
            return again.retry(config, arguments.deadline)
        case _:
            return draining.drain(config, arguments.deadline)


def _action(actions: Any, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=summary, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config(parser)
    return parser


def _absent(config: Config) -> int:
    """Tell that there is no spool. That is wrong only where there should be one."""
    if not config.spool.max_bytes:
        print(f"there is no spool at {config.spool.dir}, and none is wanted: `max_bytes` of [spool] is 0")
        return 0
    raise CommandError(
        f"there is no spool at {config.spool.dir}: no receiver with this configuration has run on this host; "
        f"see `dir` of [spool] in {config.path}, or name another configuration with --config"
    )


def _inspect(settings: SpoolSettings, *, as_json: bool) -> int:
    survey = reading.survey(settings)
    if as_json:
        _print(words.survey_fields(survey))
        return 0
    print("\n".join(words.survey_lines(survey, from_clock(time.time))))
    return 0


def _verify(settings: SpoolSettings, *, as_json: bool) -> int:
    survey = reading.survey(settings)
    if as_json:
        _print(words.verified_fields(survey))
    else:
        print("\n".join((*words.damage_lines(survey), *words.stray_lines(survey.strays), words.verified_line(survey))))
    return 1 if survey.damage else 0


def _export(settings: SpoolSettings, path: Path | None, *, damaged: bool) -> int:
    unread = exporting.Unread()
    with exporting.output(path) as file:
        lines = exporting.damaged_lines(settings) if damaged else exporting.record_lines(settings, unread)
        for line in lines:
            file.write(line)
    if unread.places:
        told = f"{many(unread.places, 'place')} could not be read; `hookline spool verify` names what is damaged"
        raise CommandError(f"all else was written, but {told}")
    return 0


def _print(fields: Mapping[str, Any]) -> None:
    print(json.dumps(fields, indent=2))
