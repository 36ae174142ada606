"""Options that several commands share."""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from hookline.called import DEFAULT_CONFIG
from hookline.configuration.addresses import AddressError, parse_address
from hookline.configuration.config import Config, ConfigError, load_config
from hookline.errors import CommandError

MAX_INPUT = 64 << 20
"""Bytes of a captured request; more is no webhook."""


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config FILE`."""
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help="the configuration (default: hookline.toml in the working directory)",
    )


def configured(arguments: argparse.Namespace) -> Config:
    """Return the configuration that the options name. Raises ConfigError."""
    path: Path = arguments.config
    return load_config(path, os.environ)


def add_addresses(parser: argparse.ArgumentParser, *, listen: bool) -> None:
    """Add `--admin`, and `--listen` for those who receive: several processes may share one configuration."""
    words = "instead of the configuration's, for processes that share it"
    if listen:
        parser.add_argument("--listen", metavar="HOST:PORT", help=f"receive there {words}")
    parser.add_argument("--admin", metavar="HOST:PORT", help=f"serve health and metrics there {words}")


def configured_to_serve(arguments: argparse.Namespace) -> Config:
    """Return the configuration, with the addresses that the options name. Raises ConfigError."""
    config = configured(arguments)
    given = {name: getattr(arguments, name, None) for name in ("listen", "admin")}
    for name, text in given.items():
        if text is not None:
            _check_address(name, text)
    server = config.server
    changed = replace(server, listen=given["listen"] or server.listen, admin=given["admin"] or server.admin)
    return replace(config, server=changed)


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


def _check_address(name: str, text: str) -> None:
    try:
        parse_address(text)
    except AddressError as error:
        raise ConfigError(f"--{name}: {error}") from error
