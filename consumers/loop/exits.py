"""Tasks that a handler starts: `sys.exit()` in one of them fails that task, and does not end the process.

asyncio lets SystemExit and KeyboardInterrupt of any task out of the running loop (`Task.__step`): without a drain and
with the event undone, which would do the same to the next process.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import structlog

from consumers.loop.handling import HANDLING, Handling

_log = structlog.get_logger()


class ExitAskedError(Exception):
    """A task of a handler's own raised SystemExit or KeyboardInterrupt, which is its cause."""


_Factory = Callable[..., asyncio.Future[Any]]


def contain_exits(loop: asyncio.AbstractEventLoop) -> None:
    """See to it that no task of a handler ends the loop. Once is enough, twice no harm."""
    made_before = cast("_Factory | None", loop.get_task_factory())
    if not isinstance(made_before, _Containing):
        loop.set_task_factory(cast("Any", _Containing(made_before or _plain)))


class _Containing:
    """Makes tasks as before; in those that begin in a handler a wish to exit becomes an error like others."""

    def __init__(self, make: _Factory) -> None:
        self._make = make

    def __call__(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Future[Any]:
        context = options.get("context")
        # A handler may give its task another context; whoever is no handler may give one of a handler.
        handling = HANDLING.get() or (context.get(HANDLING) if context is not None else None)
        if handling is None or not isinstance(coro, Coroutine):
            return self._make(loop, coro, **options)
        task = self._make(loop, _contained(coro, handling), **options)
        # One that is cancelled before it begins would leave it behind, with a warning.
        task.add_done_callback(lambda _: coro.close())
        return task


async def _contained(coro: Coroutine[Any, Any, Any], handling: Handling) -> Any:
    try:
        return await coro
    except (SystemExit, KeyboardInterrupt) as error:
        tell_exit(handling.consumer, handling.event_id)
        # Where it was raised is where it went wrong: its frames are those of this error.
        raise ExitAskedError(type(error).__name__).with_traceback(error.__traceback__) from error


def tell_exit(consumer: str, event_id: str) -> None:
    """Tell whoever wrote `sys.exit()` into a handler that it was not done."""
    _log.error("handler_asked_for_exit", consumer=consumer, event_id=event_id)


def _plain(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Future[Any]:
    return asyncio.Task(coro, loop=loop, **options)
