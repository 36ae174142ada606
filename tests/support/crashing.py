"""A process that is cut at any await: it runs step by step, and at one of the steps nothing runs any more.

Every task of the consumers is driven through a fuse that knows where each step begins: which await of which coroutine
it goes on from, and for which time. At the point that a test names the loop stops as it is: no `finally`, no `except`,
no commit runs after it. What threads were given before may still get done, or not, as in a process that is killed. A
new life then begins on what the files hold.
"""

import asyncio
import contextlib
import inspect
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

NOT_COUNTED = frozenset({"keep_going", "_driven"})
"""Coroutines that watch the time, or the life itself: to be cut there is to be cut between two steps of another."""

MOST_TIMES = 3
"""Times that the same await is a point of its own; more are rounds of a loop that waits."""


@dataclass(frozen=True, slots=True)
class Point:
    """An await: where it stands, from the task's own coroutine down to the innermost, and which time it is."""

    place: tuple[tuple[str, int], ...]
    time: int


class Cut(SystemExit):
    """The process ends here. asyncio lets this one through at once, as it lets through no other."""


@dataclass
class Fuse:
    """Cuts at a point, never where there is none. `passed` are the points in the order in which they came."""

    at: Point | None = None
    armed: bool = False
    passed: list[Point] = field(default_factory=list[Point])
    _times: Counter[tuple[tuple[str, int], ...]] = field(default_factory=Counter[tuple[tuple[str, int], ...]])

    def tick(self, coroutine: Any) -> None:
        """Pass the point at which the coroutine stands, or cut."""
        if not self.armed:
            return
        place = _place(coroutine)
        self._times[place] += 1
        point = Point(place, self._times[place])
        if point.time <= MOST_TIMES:
            self.passed.append(point)
        if point == self.at:
            self.armed = False
            raise Cut


def _place(coroutine: Any) -> tuple[tuple[str, int], ...]:
    places: list[tuple[str, int]] = []
    while coroutine is not None:
        frame: FrameType | None = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "ag_frame", None)
        if frame is not None:
            places.append((frame.f_code.co_qualname, frame.f_lineno))
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "ag_await", None)
    return tuple(places)


class Stepped(Coroutine[Any, Any, Any]):
    """A coroutine each step of which passes the fuse first."""

    def __init__(self, inner: Coroutine[Any, Any, Any], fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    def send(self, value: Any, /) -> Any:
        """Go one step on."""
        self._fuse.tick(self._inner)
        return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        """Go one step on with an error."""
        self._fuse.tick(self._inner)
        return self._inner.throw(*error)

    def close(self) -> None:
        """End the coroutine."""
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        """Let it be awaited like any other."""
        return (yield from self._inner.__await__())


@dataclass
class Process:
    """One life: a loop of its own, whose tasks pass the fuse."""

    fuse: Fuse
    _tasks: list["asyncio.Task[Any]"] = field(default_factory=list["asyncio.Task[Any]"])
    _coroutines: list[Any] = field(default_factory=list[Any])

    def live(self, life: Callable[[Fuse], Awaitable[None]], after: Callable[[], Awaitable[None]]) -> bool:
        """Live until `life` returns or the fuse cuts; False where it did. `after` closes files, on another loop."""
        loop = asyncio.new_event_loop()
        loop.set_task_factory(self._task)
        survived = True
        try:
            loop.run_until_complete(self._driven(life))
        except Cut:
            survived = False
        self.fuse.armed = False
        asyncio.run(_awaited(after))
        self._bury()
        loop.close()
        return survived

    async def _driven(self, life: Callable[[Fuse], Awaitable[None]]) -> None:
        await life(self.fuse)

    def _task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> "asyncio.Task[Any]":
        counted = inspect.iscoroutine(coroutine) and coroutine.__name__ not in NOT_COUNTED
        task = asyncio.Task(Stepped(coroutine, self.fuse) if counted else coroutine, loop=loop, **options)
        self._tasks.append(task)
        self._coroutines.append(coroutine)
        return task

    def _bury(self) -> None:
        """Let go of what was cut, without a word. All that lasts is closed, so that no clearing up has an effect."""
        for task in self._tasks:
            quiet: Any = task
            quiet._log_destroy_pending = False
            if task.done() and not task.cancelled():
                task.exception()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for coroutine in self._coroutines:
                _end(coroutine)


async def _awaited(after: Callable[[], Awaitable[None]]) -> None:
    await after()


def _end(coroutine: Any) -> None:
    # Each time one ignores its end, for it awaits something in a `finally`, it stands one await further on.
    for _ in range(20):
        with contextlib.suppress(Exception):
            coroutine.close()
            return
