"""What a try of a handler is known by, to whatever it starts: tasks and threads find it in their context."""

from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from consumers.loop.threads import Threads


@dataclass(frozen=True, slots=True)
class Handling:
    """Which consumer handles which event, where its threads come from, and which of them run for this try."""

    consumer: str
    event_id: str
    threads: Threads
    running: set[Future[Any]] = field(default_factory=set[Future[Any]])


HANDLING: ContextVar[Handling | None] = ContextVar("handling", default=None)
