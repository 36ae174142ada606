"""What a try of a handler is known by, to whatever it starts: tasks and threads find it in their context."""

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from consumers.loop.threads import Threads


@dataclass(frozen=True, slots=True)
class Handling:
    """Which consumer handles which event, where its threads come from, and which of them run for this try.

    `certain` tells whether nobody can have taken the member's place meanwhile.
    """

    consumer: str
    event_id: str
    threads: Threads
    certain: Callable[[], bool]
    running: set[Future[Any]] = field(default_factory=set[Future[Any]])


HANDLING: ContextVar[Handling | None] = ContextVar("handling", default=None)


def is_certain() -> bool:
    """Tell whether nobody can have taken the place of the member whose handler asks: it may have slept while it waited.

    A handler asks before what cannot be taken back. Outside a loop there is no place to lose.
    """
    handling = HANDLING.get()
    return handling is None or handling.certain()
