"""Exceptions as the log shows them: class and places. Their words may quote what people wrote."""

import sys
import traceback
from collections.abc import Iterator
from types import TracebackType

from structlog.typing import EventDict, WrappedLogger

_FRAMES = 20


def wordless_trace(error: BaseException) -> str:
    """Return the class of an exception and where it passed, then those of its causes. No message, no source line."""
    return "\ncaused by ".join(_one(each) for each in _chain(error))


def show_exception(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Put the trace of `exc_info` into `exception`; a processor of structlog."""
    given = fields.pop("exc_info", None)
    error = _error_of(given)
    if error is not None:
        fields["exception"] = wordless_trace(error)
    return fields


def _error_of(given: object) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _one(error: BaseException) -> str:
    within = ""
    if isinstance(error, BaseExceptionGroup):
        within = f" of {', '.join(type(each).__name__ for each in error.exceptions)}"
    return f"{type(error).__name__}{within}{''.join(_places(error.__traceback__))}"


def _places(trace: TracebackType | None) -> list[str]:
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(trace)][-_FRAMES:]
    return [f"\n  {code.co_filename}:{line} {code.co_name}" for code, line in frames]
