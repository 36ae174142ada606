"""What a provider's folder may give beside receiving and sending: polls, confirmations, read-back, setup.

Their errors are those of `providers.rest.errors`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from providers.rest.errors import ApiError, RefusedError
from schemas.events import Event


class Corroboration(StrEnum):
    """What the provider itself says about events that were pushed to us."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    UNKNOWN = "unknown"


class Corroborator(Protocol):
    """Reads back from the provider what a webhook claims, before it is trusted."""

    async def corroborate(self, events: Sequence[Event], wait: float) -> Corroboration:
        """Return within `wait` seconds what the provider says. Never raises.

        UNKNOWN where it could not be asked; what tells of no message counts as confirmed.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, slots=True)
class Polled:
    """One item that a poll found: `body` is the provider's own JSON of it, `target` the path that it came from.

    It becomes a raw record of its own, with `ingress` = poll, and is normalized like a webhook.
    """

    target: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollBatch:
    """What one check found. `token` tells the poll which batch it is; it means nothing to anybody else.

    `again_after` is when to check again, in seconds: 0 where more waits, None for the usual interval.
    """

    items: tuple[Polled, ...] = ()
    again_after: float | None = None
    token: Any = field(default=None, repr=False)


class Poll(Protocol):
    """Asks a provider for what its pushes may have left out. One task at a time."""

    @property
    def name(self) -> str:
        """One word for logs and metrics, of a fixed list of the provider."""
        ...

    @property
    def every(self) -> float:
        """Seconds from one check to the next, where a batch does not ask for another pause."""
        ...

    async def check(self) -> PollBatch:
        """Ask once. Raises ApiError."""
        ...

    async def stored(self, batch: PollBatch) -> None:
        """Take note that every item of the batch is durable: confirm it at the provider, move the cursor on.

        Raises ApiError; the batch then comes again, and is stored under the same ids.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class Confirmation:
    """One thing to confirm at the provider: `kind` is a word of the provider's folder, `id` the provider's own."""

    kind: str
    id: str


class PartlyConfirmedError(ApiError):
    """Of a batch these are refused, each for itself and however often it is asked; all others are confirmed."""

    def __init__(self, refused: Mapping[Confirmation, RefusedError]) -> None:
        self.refused = refused
        super().__init__(f"{len(refused)} confirmations were refused")


class Confirmer(Protocol):
    """Marks at the provider what is stored here. To confirm twice does no harm."""

    @property
    def batch_size(self) -> int:
        """How many of one kind a call takes at most."""
        ...

    def confirmation(self, event: Event) -> Confirmation | None:
        """Return what there is to confirm for an event, None where there is nothing. Pure."""
        ...

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Confirm up to `batch_size` of one kind. Raises ApiError.

        RefusedError says that the provider will not take at least one of them, however often it is asked; whoever
        knows which ones raises PartlyConfirmedError.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class Lookup(Protocol):
    """Asks a provider how one message of ours stands now, where its news may have been lost."""

    async def look_up(self, message_id: str) -> Sequence[Polled] | None:
        """Return what the provider says of the message, as items that are normalized like those of a poll.

        Their events have the ids that a push of the same news has, or where the push has an id of the provider's own,
        one of message, recipient and state: to look up twice gives the same events. None says that the provider has no
        such message, or has it no more, in its own words (`NotFoundError.raise_if_foreign`). Raises ApiError, and
        LimitError for what is no id of this provider's.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class StepKind(StrEnum):
    """What a step of a setup does at the provider. MANUAL is for the operator, who reads why."""

    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    KEEP = "keep"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One line of a plan. `apply` carries it out and returns lines to tell; None where nothing is to be done."""

    kind: StepKind
    what: str
    detail: str = ""
    apply: Callable[[], Awaitable[Sequence[str]]] | None = field(default=None, repr=False)


Keep = Callable[[str, str], Awaitable[str]]
"""Keeps a text that is shown once under a file name, and returns the reference to it (`file:PATH`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupRequest:
    """What the operator wants: the account's public URL, whether to make a new key and to remove the old ones."""

    url: str
    keep: Keep = field(repr=False)
    rotate: bool = False
    remove_old: bool = False


class Setup(Protocol):
    """Prepares a provider to push to us. To run it again does no harm. It can be used again after `close`."""

    async def plan(self) -> Sequence[SetupStep]:
        """Ask the provider how things stand and return what is to be done. Changes nothing. Raises ApiError."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
