"""The process's own log: structlog on stderr, one JSON object a line, or lines for people on a terminal.

Ids alone go in: never a phone number, a text, a body or a secret. Of an exception there is its class and where it
passed, because its words, and the values of local variables, would show all four.
"""

import logging
import sys
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor

from hookline.configuration.settings import LoggingSettings
from hookline.process.line_writer import LineWriter
from hookline.process.traces import show_exception

_FIRST = ("timestamp", "level", "event")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logs(settings: LoggingSettings, stream: TextIO | None = None, *, worker: int | None = None) -> LineWriter:
    """Send every log line of this process to `stream` (stderr), in the form that the settings name.

    Those of one of several workers carry its number.
    The lines are written by a thread; whoever wants to read them flushes the writer first. The end of the process does.
    """
    target = stream or sys.stderr
    as_json = settings.format == "json" or (settings.format == "auto" and not target.isatty())
    writer = LineWriter(target)
    structlog.configure(
        processors=[*_naming(worker), *_processors(target, as_json=as_json)],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    _route_libraries()
    return writer


class LibraryHandler(logging.Handler):
    """Hands what libraries log through the standard module on to the same renderer.

    A line about an exception comes without its message, which often quotes the exception's words.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line. Never raises: a log line must not stop the process."""
        try:
            logger: Any = structlog.get_logger()
            said = {"exc_info": record.exc_info} if record.exc_info else {"message": record.getMessage()}
            logger.log(record.levelno, "library_message", library=record.name, **said)
        except Exception:  # noqa: BLE001 - what a library logs is not worth a crash
            self.handleError(record)


def _naming(worker: int | None) -> list[Processor]:
    """Not by a context variable: tasks and threads that were there before would not have it."""

    def name_worker(_logger: Any, _method: str, fields: EventDict) -> EventDict:
        fields["worker"] = worker
        return fields

    return [] if worker is None else [name_worker]


def _processors(target: TextIO, *, as_json: bool) -> list[Processor]:
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        show_exception,
    ]
    if as_json:
        return [*shared, structlog.processors.JSONRenderer(_to_json)]
    return [*shared, structlog.dev.ConsoleRenderer(colors=target.isatty())]


def _to_json(fields: Any, **options: Any) -> str:
    # What every line has comes first, so that a person finds it too.
    ordered = {name: fields.pop(name) for name in _FIRST if name in fields} | fields
    return orjson.dumps(ordered, default=options.get("default") or str, option=orjson.OPT_NON_STR_KEYS).decode()


def _route_libraries() -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, LibraryHandler)]:
        root.removeHandler(handler)
    root.addHandler(LibraryHandler())
    root.setLevel(logging.WARNING)
    # While Kafka is away aiokafka writes many lines a second about it. Our own say it once, and when it is over.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
