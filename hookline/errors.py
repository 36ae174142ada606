"""What a command tells when it cannot do its work: one plain line and an exit status, never a traceback."""

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hookline.configuration.problems import ConfigError
from schemas.errors import HooklineError

if TYPE_CHECKING:
    from providers.rest.errors import RefusedError

_MOST_WORDS, _LONGEST_WORDS = 10, 400
FAILED = 1
USAGE = 2


class CommandError(HooklineError):
    """A command that failed for a reason that its user can act on."""


class CallError(CommandError):
    """A command whose arguments cannot be meant."""


def exit_status(error: BaseException) -> int:
    """Return 2 for a wrong configuration or call, else 1."""
    return USAGE if isinstance(error, ConfigError | CallError) else FAILED


def report(error: Exception) -> int:
    """Tell the error on stderr and return the exit status. Raises it where the user asked for tracebacks."""
    if is_debugging():
        raise error
    print("\n".join(f"hookline: {line}" for line in plain_text(error).splitlines()), file=sys.stderr)
    return exit_status(error)


def plain_text(error: BaseException) -> str:
    """Return what to tell about an error; one that nobody foresaw is named as such."""
    # Imported late: most commands call nobody.
    from providers.rest.errors import RefusedError

    if isinstance(error, RefusedError):
        return "\n".join((str(error), *_words_of(error)))
    if isinstance(error, HooklineError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return f"internal error: {type(error).__name__}: {error} (HOOKLINE_DEBUG=1 shows where)"


def _words_of(error: "RefusedError") -> Iterator[str]:
    """Yield what the provider says of a refusal: whoever asked reads it, no log does."""
    for each in error.errors[:_MOST_WORDS]:
        words = ": ".join(filter(None, (each.title, each.detail)))
        # It must not steer the terminal.
        clean = "".join(letter if letter.isprintable() else " " for letter in words[:_LONGEST_WORDS])
        if clean:
            yield f"  {clean}"


def is_debugging() -> bool:
    """Tell whether the user asked for tracebacks."""
    return os.environ.get("HOOKLINE_DEBUG", "") not in {"", "0"}
