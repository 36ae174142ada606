"""Receive webhooks only; consumers run in processes of their own. SIGTERM or Ctrl-C ends it in order."""

import argparse
import os

from hookline.commands.options import add_addresses, add_config, configured_to_serve
from hookline.configuration.config import Config, ConfigError
from hookline.process.worker_link import MOST_WORKERS, take_place
from schemas.urls import sqlite_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the configuration."""
    add_config(parser)
    add_addresses(parser, listen=True)
    parser.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help=f"processes that share the address, 1 to {MOST_WORKERS} (default: 1); more than one on Apache Kafka only",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    from hookline.process.application import Role
    from hookline.process.serving import serve, serve_worker, supervise

    place = take_place(os.environ)
    config = configured_to_serve(arguments)
    if place is not None:
        return serve_worker(config, place)
    if arguments.workers == 1:
        return serve(config, frozenset({Role.INGEST}))
    _refuse_on_sqlite(config, arguments.workers)
    return supervise(config, arguments.workers, ("ingest", "--config", str(arguments.config)))


def _refuse_on_sqlite(config: Config, workers: int) -> None:
    if sqlite_path(config.broker.url) is not None:
        raise ConfigError(
            f"--workers {workers}: the embedded log has room for one receiver, since SQLite has one writer at a time; "
            "several need Apache Kafka (broker.url = kafka://HOST:PORT)"
        )


def _count(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_WORKERS}")
    return number
