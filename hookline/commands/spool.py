"""Look at the spool, check it, write it out, or drain it: what waits on this host's disk while the log is away.

inspect, verify and export change nothing, and work beside a running receiver and without one. Of a segment that is
drained in part all records are shown, as it is removed as a whole; an id that is in the log too is no loss.

  inspect  each worker's folder: held by a live process or orphaned, how much waits in it, since when, and whose
  verify   reads everything with its checksums and names what is damaged; status 1 if there is any, also what was set
           aside earlier. A tail that was cut off in the midst of a write was never acknowledged and is no damage
  export   records as lines of JSON, as `hookline tail` prints raw records, with their place as `spool`; with --damaged
           the bytes that were set aside. They hold what people wrote: a file is made for its owner alone (mode 0600)
  drain    takes over folders whose process is gone and publishes them to the log, as a receiver does by itself. Where
           another process lives it drains its own. Status 1 if anything is left that no process holds; it stays there

To try it:
  hookline spool inspect
  hookline spool export --output spooled.jsonl
"""

import argparse
import json
import time
from pathlib import Path

from hookline.commands.options import add_config, configured
from hookline.simulator.arguments import positive
from hookline.spooling import draining, exporting, reading, words
from ingest.settings import SpoolSettings
from schemas.times import from_clock

_DEADLINE = 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do, and the options of each."""
    parser.add_argument("action", choices=("inspect", "verify", "export", "drain"), help="what to do; see above")
    parser.add_argument("--json", action="store_true", help="inspect: print one JSON object")
    parser.add_argument("--damaged", action="store_true", help="export: the bytes that were set aside as damaged")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="export: a new file instead of standard output, readable by its owner alone; bodies are personal data",
    )
    parser.add_argument(
        "--deadline",
        type=positive,
        default=_DEADLINE,
        metavar="SECONDS",
        help=f"drain: end after so long, what is left stays (default: {_DEADLINE:g})",
    )
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; each has its own exit status."""
    config = configured(arguments)
    match arguments.action:
        case "inspect":
            return _inspect(config.spool, as_json=arguments.json)
        case "verify":
            return _verify(config.spool)
        case "export":
            return _export(config.spool, arguments.output, damaged=arguments.damaged)
        case _:
            return draining.drain(config, arguments.deadline)


def _inspect(settings: SpoolSettings, *, as_json: bool) -> int:
    survey = reading.survey(settings)
    if as_json:
        print(json.dumps(words.survey_fields(survey), indent=2))
        return 0
    print("\n".join(words.survey_lines(survey, from_clock(time.time))))
    return 0


def _verify(settings: SpoolSettings) -> int:
    survey = reading.survey(settings)
    for line in words.damage_lines(survey):
        print(line)
    print(f"read {survey.records:,} webhooks in {len(survey.folders):,} folders of {survey.root}")
    return 1 if survey.damage else 0


def _export(settings: SpoolSettings, path: Path | None, *, damaged: bool) -> int:
    with exporting.output(path) as file:
        lines = exporting.damaged_lines(settings) if damaged else exporting.record_lines(settings)
        for line in lines:
            file.write(line)
    return 0
