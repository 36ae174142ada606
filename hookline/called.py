"""How this program was called, so that the commands that it suggests can be typed as they stand."""

import os
import shlex
import shutil
import sys
from pathlib import Path

DEFAULT_CONFIG = Path("hookline.toml")
"""What commands read where no other is named."""


def shown(path: Path) -> str:
    """Return the path as a person would type it here: relative where it is below the working directory."""
    absolute = _absolute(path)
    here = Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)


def config_words(config: Path) -> tuple[str, ...]:
    """Return the words that name the same configuration in another command of ours."""
    return () if config == DEFAULT_CONFIG else ("--config", str(config))


def command(*words: str) -> str:
    """Return a command line of ours, by the name that works in this shell."""
    return " ".join((_program(), *map(shlex.quote, words)))


def _program() -> str:
    """Return `hookline` where the shell finds it under that name, else the path."""
    called = Path(sys.argv[0])
    if called.parts[-2:] == ("hookline", "__main__.py"):
        return f"{shlex.quote(shown(Path(sys.executable)))} -m hookline"
    found = shutil.which("hookline")
    if called.name != "hookline" or (found is not None and _absolute(Path(found)) == _absolute(called)):
        return "hookline"
    return shlex.quote(shown(called))


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - a link in .venv/bin must stay a link
