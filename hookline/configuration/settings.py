"""The tables of the configuration that no other room owns."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingSettings:
    """`[logging]`: the process's own log, on stderr."""

    format: str = field(
        default="auto",
        metadata={
            "doc": "`json`, one object a line; `console`, for people; `auto`, the second on a terminal alone",
            "choices": ("auto", "json", "console"),
        },
    )
    level: str = field(
        default="info",
        metadata={
            "doc": "the least that is logged: `debug`, `info`, `warning` or `error`",
            "choices": ("debug", "info", "warning", "error"),
        },
    )
