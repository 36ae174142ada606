"""Options that several commands share."""

import argparse
import os
import sys
from pathlib import Path

from hookline.config import Config, load_config
from hookline.errors import CommandError

MAX_INPUT = 64 << 20
"""Bytes of a captured request; more is no webhook."""


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config FILE`."""
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("hookline.toml"),
        metavar="FILE",
        help="the configuration (default: hookline.toml in the working directory)",
    )


def configured(arguments: argparse.Namespace) -> Config:
    """Return the configuration that the options name. Raises ConfigError."""
    path: Path = arguments.config
    return load_config(path, os.environ)


def read_input(name: str) -> bytes:
    """Return the bytes of a file, or of standard input for `-`. Raises CommandError."""
    try:
        if name == "-":
            data = sys.stdin.buffer.read(MAX_INPUT + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(MAX_INPUT + 1)
    except (OSError, ValueError) as error:
        raise CommandError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > MAX_INPUT:
        raise CommandError(f"{name}: larger than {MAX_INPUT} bytes")
    return data
