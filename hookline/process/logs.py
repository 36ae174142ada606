"""The process's own log: structlog on stderr, one JSON object a line, or lines for people on a terminal.

Ids alone go in: never a phone number, a text, a body or a secret. Tracebacks are plain, because the values of
local variables would show all four.
"""

import logging
import sys
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import Processor

from hookline.configuration.settings import LoggingSettings

_FIRST = ("timestamp", "level", "event")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logs(settings: LoggingSettings, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (stderr), in the form that the settings name."""
    target = stream or sys.stderr
    as_json = settings.format == "json" or (settings.format == "auto" and not target.isatty())
    structlog.configure(
        processors=_processors(target, as_json=as_json),
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=True,
    )
    _route_libraries()


class LibraryHandler(logging.Handler):
    """Hands what libraries log through the standard module on to the same renderer."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line. Never raises: a log line must not stop the process."""
        try:
            logger: Any = structlog.get_logger()
            logger.log(
                record.levelno,
                "library_message",
                library=record.name,
                message=record.getMessage(),
                exc_info=record.exc_info,
            )
        except Exception:  # noqa: BLE001 - what a library logs is not worth a crash
            self.handleError(record)


def _processors(target: TextIO, *, as_json: bool) -> list[Processor]:
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if as_json:
        return [*shared, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_to_json)]
    return [
        *shared,
        structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback),
    ]


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
