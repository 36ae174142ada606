"""The pool of a loop that keeps apart what handlers do in threads."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

from consumers.loop.handling import HANDLING


class ApartPool(ThreadPoolExecutor):
    """The default executor of a loop: work that a handler hands in goes to threads of its consumer."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do the work in a thread, the consumer's where a handler asks."""
        handling = HANDLING.get()
        if handling is None:
            return super().submit(fn, *args, **kwargs)
        # `run_in_executor` leaves the context behind, `to_thread` does not: what the thread hands back to the loop must
        # be known as the handler's too.
        future = handling.threads.call(partial(copy_context().run, fn, *args, **kwargs))
        handling.running.add(future)
        future.add_done_callback(handling.running.discard)
        return future
