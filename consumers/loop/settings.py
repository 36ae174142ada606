"""`[consumers.retry]` and `[consumers.flood]`: when a failed event is tried again, and when that is too often."""

from dataclasses import dataclass
from typing import Protocol

from schemas.settings import Limits, setting

KEPT, GIVEN_UP = "kept", "given_up"
LONGEST_DELAY = 86_400.0
"""Seconds; far below the time for which a retry topic keeps its records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    """`[consumers.retry]`: the tries of an event after those in place, through the group's retry topic."""

    delays: tuple[float, ...] = setting(
        (30.0, 300.0, 1800.0),
        "seconds to wait before each later round of tries, each from 1 to 86400; with `[]` an event goes to the dead"
        " letters after its tries in place",
        limits=Limits(1.0, LONGEST_DELAY),
    )
    order: str = setting(
        KEPT,
        "`kept`: later events of a key wait behind the one that is retried; `given_up`: they go on, so that a key may"
        " be out of order",
        choices=(KEPT, GIVEN_UP),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodSettings:
    """`[consumers.flood]`: failures that stop the consumer, because it is ill and not its events.

    A failure is an event that goes to the dead letters or, after its tries in place, to the retry topic.
    """

    count: int = setting(
        100, "failures within `seconds` after which the next one stops the consumer", limits=Limits(1, zero=True)
    )
    seconds: float = setting(60.0, "the time in which `count` is counted", limits=Limits(1.0, 86_400.0))
    run: int = setting(50, "failures without a success between them that do", limits=Limits(1, zero=True))
    ratio: float = setting(
        0.5, "share of the last `records` events that may fail; with 1 all may", limits=Limits(0.01, 1.0)
    )
    records: int = setting(200, "how many events `ratio` looks back at", limits=Limits(10, 100_000))


class LoopSettings(Protocol):
    """What the loop reads of `[consumers]`."""

    @property
    def concurrency(self) -> int:
        """How many events are worked on at once."""
        ...

    @property
    def attempts(self) -> int:
        """How many tries an event gets in place."""
        ...

    @property
    def retry(self) -> RetrySettings:
        """The tries after those."""
        ...

    @property
    def flood(self) -> FloodSettings:
        """What is too many failures."""
        ...
