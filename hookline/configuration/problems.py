"""What is wrong with a configuration, gathered so that all of it is told at once."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hookline.configuration.toml_lines import KeyPath
from schemas.errors import HooklineError


class ConfigError(HooklineError, ValueError):
    """A configuration that cannot be used. Its text has one line for each problem."""


@dataclass(slots=True)
class Problems:
    """Collects problems with their lines. `file` is the name as the user gave it."""

    file: str
    lines: Mapping[KeyPath, int]
    found: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def add(self, path: KeyPath, message: str) -> None:
        """Note a problem at the line of a key, or of the nearest table around it."""
        self.found.append((self.line(path), message))

    def line(self, path: KeyPath) -> int:
        """Return the line of a key, or of the nearest table around it that has one."""
        return next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), 1)

    def place(self, path: KeyPath) -> str:
        """Return `FILE:LINE` of a key."""
        return f"{self.file}:{self.line(path)}"

    def raise_if_any(self) -> None:
        """Raise ConfigError with all problems in the order of their lines."""
        if self.found:
            unique = sorted(set(self.found), key=lambda problem: problem[0])
            raise ConfigError("\n".join(f"{self.file}:{line}: {message}" for line, message in unique))


def name_of(path: KeyPath) -> str:
    """Return a key path as people write it: `consumers.auto_reply.rules[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown_url(url: str) -> str:
    """Return a URL that cannot be used as it may be shown: one with more than address and path may hold a password."""
    return "what stands there" if re.search("[@?#%\uff20]", url) else repr(url)


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return what was probably meant, or what there is."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known here: {', '.join(choices)}" if choices else "nothing is known here"
