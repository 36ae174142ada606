"""What the simulator's engine needs to know of a provider's cloud. The engine is `hookline/simulator`.

A cloud is pure: it makes bodies, signs them, and answers API calls; the engine does the network and the time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Protocol


class Forgery(StrEnum):
    """How a request of the simulator is wrong on purpose. The receiver must refuse every one."""

    UNSIGNED = "unsigned"
    OTHER_KEY = "other_key"
    CHANGED_BODY = "changed_body"
    OLD = "old"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One webhook that the cloud will deliver `after` seconds from now.

    `label` is the provider's name of it, for the screen. `body` makes the bytes for an attempt, counted from 1.
    `copies` beyond 1 are duplicates that the cloud sends although it was answered. `expects_reply` tells that a
    receiver with the demo's rules has to answer it with one text.
    """

    label: str
    body: Callable[[int], bytes]
    after: float = 0.0
    copies: int = 1
    forgery: Forgery | None = None
    expects_reply: bool = False
    message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPlan:
    """How the cloud delivers: its patience in seconds, the pauses between attempts, and what counts as success."""

    timeout: float
    pauses: tuple[float, ...]
    succeeded: Callable[[int], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswer:
    """What the cloud's API answers, and the webhooks that follow from the call.

    `effect` is the id of the message that the call made; None where it made none (an error, a repeat).
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    follow_ups: tuple[Outgoing, ...] = ()
    effect: str | None = None


class Cloud(Protocol):
    """A provider's cloud: signs with a key of its own, made anew for each instance unless a seed is given."""

    retry: RetryPlan

    def environment(self) -> Mapping[str, str]:
        """Return the environment variables that a receiver's config needs, by their customary names."""
        ...

    def account_lines(self, base_url: str, reference: Callable[[str], str]) -> Sequence[str]:
        """Return the TOML lines of an account that trusts this cloud and calls its API at `base_url`.

        `reference` gives for the name of a variable the reference to write (`env:NAME` or `file:PATH`). The
        lines are the body of an `[accounts.NAME]` table, without its heading.
        """
        ...

    def headers(self, body: bytes, now: float, forgery: Forgery | None = None) -> Mapping[str, str]:
        """Return the headers of a delivery, signed at `now` Unix seconds, or forged as asked."""
        ...

    def traffic(self, random: Random, clock: Callable[[], float]) -> Iterator[Sequence[Outgoing]]:
        """Yield without end one small story after another, of every kind of event that the provider has."""
        ...

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> ApiAnswer:
        """Answer a call to the API. Header names are in lower case."""
        ...
