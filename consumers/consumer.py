"""What a consumer is: a group, its topics, and one coroutine that gives an event its effect."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from numbers import Real

from broker.log import Holder
from schemas.envelope import Delivered
from schemas.topics import Topic

Handler = Callable[[Delivered], Awaitable[None]]
"""Gives one event its effect. What it raises counts as a failed try; TryLater does not."""


class TryLater(Exception):  # noqa: N818 - a wish of the handler, not an error
    """A handler asks to be called again with the same event after `seconds`; no try is used up.

    How often it asks is for the handler to bound. `reason` is one word for logs and the health page. Raises TypeError
    for seconds that are no number or a reason that is no text, ValueError for seconds that are not a number (nan).
    """

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds = _checked_seconds(seconds)
        _check_reason(reason)
        self.reason = reason


class Reject(Exception):  # noqa: N818 - a verdict of the handler, not an error
    """A handler says that an event can never be processed: it goes to the dead letters at once.

    `reason` is one word or a short sentence for the dead letter; it quotes nothing of the event.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _check_reason(reason: object) -> None:
    if not isinstance(reason, str):
        raise TypeError(f"TryLater: the reason is a text, not {type(reason).__name__}")


def _checked_seconds(seconds: object) -> float:
    if not isinstance(seconds, Real):
        raise TypeError(f"TryLater: the seconds are a number, not {type(seconds).__name__}")
    if math.isnan(found := float(seconds)):
        raise ValueError("TryLater: the seconds are nan")
    return found


@dataclass(frozen=True, slots=True)
class Holding:
    """What a consumer works with beside the log, and without which it must not go on with its group.

    `holder` tells the log what that is, and is asked for when the group is joined. `beside` and `elsewhere` tell an
    operator why it stays out and what to do: where another member is there, and where another has read the group.
    """

    holder: Callable[[], Holder]
    beside: str
    elsewhere: str


MOST_CONCURRENCY = 1000
"""Events that a consumer may work on at once: each may need a thread, and is held in memory."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """One consumer. `name` is the consumer group; one with effects is never shown a replayed record.

    `concurrency` is how many events it works on at once, `deadline` the seconds that one try may take, `attempts` how
    many tries an event gets in place, `keeps_order` whether later events of a key wait for one that is retried later;
    each is the configuration's where it is None. With `holding` it does not join every group.
    A wish to be called again after `puts_off_after` seconds or more sends the event to the retry topic, for no round of
    tries, so that what stands behind it can be read meanwhile; where that is None it waits in place.
    `finish` is what is still to be done when nothing more is handled, for as long as the process has time.
    """

    name: str
    topics: tuple[Topic, ...]
    handle: Handler
    has_effects: bool
    concurrency: int | None = None
    deadline: float | None = None
    attempts: int | None = None
    keeps_order: bool | None = None
    holding: Holding | None = None
    puts_off_after: float | None = None
    finish: Callable[[], Awaitable[None]] | None = None
