"""What a scenario is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from deploy.faults.bench import Bench


class NotHereError(Exception):
    """A fault that this machine does not allow; the message says why."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault. `run` begins it, keeps it up and ends it; `nodes` are the clusters on which it makes sense.

    `short`: it is part of the short form.
    """

    name: str
    summary: str
    run: Callable[[Bench], Awaitable[None]]
    nodes: tuple[int, ...] = (1, 3)
    short: bool = False
