"""What a handler may look like, and which of them an event goes to."""

import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from hookline.kit.context import Context
from schemas.errors import HooklineError
from schemas.events import EVENT_CLASSES, Event
from schemas.topics import CATALOGUE, TOPIC_OF, Topic

Handled = Coroutine[Any, Any, None]
"""What calling an `async def` gives."""


class ConsumerError(HooklineError, ValueError):
    """A consumer that is written in a way that cannot work; raised where it is written, when it is imported."""


@dataclass(frozen=True, slots=True)
class Handler:
    """One function of a consumer. `takes_context` says that it wants the context, be it `by_name`, beside the event."""

    name: str
    function: Callable[..., Handled]
    takes_context: bool
    by_name: bool = False

    async def __call__(self, event: Event, context: Context) -> None:
        """Call the function. Raises what it raises."""
        if self.by_name:
            await self.function(event, context=context)
        else:
            await (self.function(event, context) if self.takes_context else self.function(event))


def handler_of(function: Callable[..., Handled]) -> Handler:
    """Return the function as a handler. Raises ConsumerError where it cannot be one."""
    name = getattr(function, "__qualname__", repr(function))
    if not inspect.iscoroutinefunction(function):
        raise ConsumerError(f"{name} is not an async function: write `async def`")
    signature = inspect.signature(function)
    if _takes_by_name(signature):
        return Handler(name, function, takes_context=True, by_name=True)
    return Handler(name, function, takes_context=_takes_context(name, signature))


def kinds_of(wanted: object) -> tuple[type[Event], ...]:
    """Return the event classes that a class stands for: itself, or all below it. Raises ConsumerError for another."""
    found = tuple(each for each in EVENT_CLASSES.values() if _is_event(wanted) and issubclass(each, wanted))
    if not found:
        known = ", ".join(sorted(each.__name__ for each in EVENT_CLASSES.values()))
        shown = wanted.__name__ if isinstance(wanted, type) else repr(wanted)
        raise ConsumerError(f"{shown} is no event; there are: {known}")
    return found


def topics_of(handlers: Mapping[type[Event], Handler]) -> tuple[Topic, ...]:
    """Return the topics that bring the events which these handle, in the order of the catalogue."""
    wanted = {TOPIC_OF[kind.TYPE] for kind in handlers}
    return tuple(topic for topic in CATALOGUE if topic in wanted)


def _is_event(wanted: object) -> TypeGuard[type[Event]]:
    return isinstance(wanted, type) and issubclass(wanted, Event)


def _takes_by_name(signature: inspect.Signature) -> bool:
    """Tell whether the context has its place behind a `*`."""
    found = signature.parameters.get("context")
    return found is not None and found.kind is found.KEYWORD_ONLY and _fits(signature, 1, context=None)


def _takes_context(name: str, signature: inspect.Signature) -> bool:
    fits = [count for count in (1, 2) if _fits(signature, count)]
    if not fits:
        raise ConsumerError(f"{name}{signature} cannot be called: a handler takes (event) or (event, context)")
    # One that could be called either way has its own use for what comes second, unless its name says what it wants.
    return fits[0] == 2 or (2 in fits and list(signature.parameters)[1:2] == ["context"])


def _fits(signature: inspect.Signature, count: int, **named: object) -> bool:
    try:
        signature.bind(*range(count), **named)
    except TypeError:
        return False
    return True
