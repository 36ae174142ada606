"""Print the version of Hookline and of what it stands on."""

import argparse
import platform
from importlib import metadata

from hookline.version import __version__

_PACKAGES = ("aiohttp", "aiokafka", "pynacl", "orjson", "structlog", "uvloop")


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Take nothing."""


def run(_arguments: argparse.Namespace) -> int:
    """Print the versions."""
    print(f"hookline {__version__}")
    print(f"python {platform.python_version()}")
    for package in _PACKAGES:
        print(f"{package} {_version_of(package)}")
    return 0


def _version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
