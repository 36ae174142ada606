"""What a consumer is: a group, its topics, and one coroutine that gives an event its effect."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from schemas.envelope import Delivered
from schemas.topics import Topic

Handler = Callable[[Delivered], Awaitable[None]]
"""Gives one event its effect. What it raises counts as a failed try; TryLater does not."""


class TryLater(Exception):  # noqa: N818 - a wish of the handler, not an error
    """A handler asks to be called again with the same event after `seconds`; no try is used up.

    How often it asks is for the handler to bound. `reason` is one word for logs and the health page.
    """

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Consumer:
    """One consumer. `name` is the consumer group; one with effects is never shown a replayed record.

    `concurrency` is how many events it works on at once, where it needs another number than the configuration's.
    """

    name: str
    topics: tuple[Topic, ...]
    handle: Handler
    has_effects: bool
    concurrency: int | None = None
