"""The pool of a loop that keeps apart what handlers do in threads."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from consumers.loop.handling import HANDLING


class ApartPool(ThreadPoolExecutor):
    """The default executor of a loop: work that a handler hands in goes to threads of its consumer."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do the work in a thread, the consumer's where a handler asks."""
        handling = HANDLING.get()
        if handling is None:
            return super().submit(fn, *args, **kwargs)
        future = handling.threads.call(lambda: fn(*args, **kwargs))
        handling.running.add(future)
        future.add_done_callback(handling.running.discard)
        return future
