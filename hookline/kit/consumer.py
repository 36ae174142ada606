"""The consumer as another team writes it: a name, and an async function for each type of event."""

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Generic, Literal, Protocol, TypeVar, overload

from consumers.catalogue import CONSUMERS
from consumers.consumer import MOST_CONCURRENCY
from hookline.kit.context import Context
from hookline.kit.handlers import ConsumerError, Handled, Handler, handler_of, kinds_of
from schemas.events import Event

Order = Literal["kept", "given_up"]
ORDERS: tuple[Order, ...] = ("kept", "given_up")

E = TypeVar("E", bound=Event)
E2 = TypeVar("E2", bound=Event)
E3 = TypeVar("E3", bound=Event)
E_contra = TypeVar("E_contra", bound=Event, contravariant=True)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_OURS = frozenset({"ingest", *(each.name for each in CONSUMERS)})


class Consumer:
    """A consumer of typed events. `hookline consume MODULE:NAME` runs it, in as many processes as you like.

    `name` is its own among all consumers of the site: what it has done so far is kept under it. `concurrency` is how
    many events it works on at once (those of one conversation or message never are), `attempts` how many tries an event
    gets in quick succession before it is tried again later. With `order="kept"` later events of a conversation or
    message wait for one that is tried again later, with `"given_up"` they overtake it. Where one of these is absent the
    configuration's holds. `deadline` is the seconds that one try may take, 120 where it is absent. `replays=True` says
    that it wants to see what somebody plays again; without it no event comes twice by a replay.

    Raises ConsumerError for a name or a value that cannot be.
    """

    def __init__(  # noqa: PLR0913 - each by its name
        self,
        name: str,
        *,
        order: Order | None = None,
        concurrency: int | None = None,
        deadline: float | None = None,
        attempts: int | None = None,
        replays: bool = False,
    ) -> None:
        self.name = _checked_name(name)
        if order is not None and order not in ORDERS:
            raise ConsumerError(f"consumer {name!r}: order is 'kept' or 'given_up', not {order!r}")
        if attempts is not None and not _is_count(attempts):
            raise ConsumerError(f"consumer {name!r}: attempts is a whole number, at least 1, not {attempts!r}")
        if concurrency is not None and not (_is_count(concurrency) and concurrency <= MOST_CONCURRENCY):
            span = f"from 1 to {MOST_CONCURRENCY}"
            raise ConsumerError(f"consumer {name!r}: concurrency is a whole number, {span}, not {concurrency!r}")
        if deadline is not None and not _is_time(deadline):
            raise ConsumerError(f"consumer {name!r}: deadline is a number of seconds, more than 0, not {deadline!r}")
        self.order: Order | None = order
        self.concurrency = concurrency
        self.deadline = deadline
        self.attempts = attempts
        self.replays = replays
        self._handlers: dict[type[Event], Handler] = {}

    @property
    def handlers(self) -> Mapping[type[Event], Handler]:
        """What handles each type of event."""
        return MappingProxyType(self._handlers)

    @overload
    def on(self, kind: type[E], /) -> "Registration[E]": ...

    @overload
    def on(self, kind: type[E], kind2: type[E2], /) -> "Registration[E | E2]": ...

    @overload
    def on(self, kind: type[E], kind2: type[E2], kind3: type[E3], /) -> "Registration[E | E2 | E3]": ...

    def on(self, *kinds: type[Event]) -> "Registration[Any]":
        """Return the decorator of the async function for these types of event, one to three.

        A base class (`InboundMessage`, `Event`) stands for all types below it. The function takes the event, and if it
        likes the `Context`. What it raises makes Hookline try again; `Reject` and `TryLater` say more. Raises
        ConsumerError for a type that is no event or has its function already.
        """
        if not kinds:
            raise ConsumerError(f"consumer {self.name!r}: `on` takes the type of event, such as MessageReceived")
        wanted = tuple(dict.fromkeys(found for kind in kinds for found in kinds_of(kind)))
        return Registration(self, wanted)

    def register(self, kinds: tuple[type[Event], ...], function: Callable[..., Handled]) -> None:
        """Let the function handle these types. Raises ConsumerError, and then changes nothing."""
        try:
            handler = handler_of(function)
        except ConsumerError as error:
            raise ConsumerError(f"consumer {self.name!r}: {error}") from None
        for kind in kinds:
            if kind in self._handlers:
                names = f"{self._handlers[kind].name} and {handler.name}"
                raise ConsumerError(
                    f"consumer {self.name!r}: {names} both want {kind.__name__}; one type, one function"
                )
        self._handlers.update(dict.fromkeys(kinds, handler))

    def __repr__(self) -> str:
        return f"Consumer({self.name!r})"


class TakesContextByName(Protocol[E_contra]):
    """An async function that has its context behind a `*`."""

    def __call__(self, event: E_contra, /, *, context: Context) -> Handled:
        """Handle the event."""
        ...


class Registration(Generic[E]):
    """The decorator that `Consumer.on` gives: it takes the function down and returns it as it is."""

    def __init__(self, consumer: Consumer, kinds: tuple[type[Event], ...]) -> None:
        self._consumer = consumer
        self._kinds = kinds

    @overload
    def __call__(self, function: Callable[[E], Handled], /) -> Callable[[E], Handled]: ...

    @overload
    def __call__(self, function: Callable[[E, Context], Handled], /) -> Callable[[E, Context], Handled]: ...

    @overload
    def __call__(self, function: TakesContextByName[E], /) -> TakesContextByName[E]: ...

    def __call__(self, function: Callable[..., Handled], /) -> Callable[..., Handled]:
        """Take the function. Raises ConsumerError."""
        self._consumer.register(self._kinds, function)
        return function


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConsumerError(f"consumer name {name!r}: use letters, digits, `-` and `_` alone, 64 at most")
    if name.replace("_", "-").lower() in _OURS:
        raise ConsumerError(f"consumer name {name!r} is one of Hookline's own: {', '.join(sorted(_OURS))}")
    return name
