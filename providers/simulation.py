"""What the simulator's engine needs to know of a provider's cloud. The engine is `hookline/simulator`.

A cloud is pure: it makes bodies, signs them, and answers API calls; the engine does the network and the time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Protocol, runtime_checkable

from providers.contract import Request


class Forgery(StrEnum):
    """How a request of the simulator is wrong on purpose. The receiver must refuse every one.

    OTHER_KEY is a wrong key, or a wrong password where there is no signature. A cloud that signs nothing makes no
    CHANGED_BODY and no OLD: nobody could tell them from genuine ones.
    """

    UNSIGNED = "unsigned"
    OTHER_KEY = "other_key"
    CHANGED_BODY = "changed_body"
    OLD = "old"


class Misbehavior(StrEnum):
    """How the cloud's API is told to misbehave. The first five are of any API, the others of those that have them."""

    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    SLOW = "slow"
    HALF_OPEN = "half_open"
    DUPLICATES = "duplicates"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - a word, no token
    STALE_VERSION = "stale_version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One webhook that the cloud will deliver `after` seconds from now.

    `label` is the provider's name of it, for the screen. `body` makes the bytes for an attempt, counted from 1,
    the same ones whenever it is asked. `copies` beyond 1 are duplicates that the cloud sends although it was answered.
    `expects_reply` tells that a receiver with the demo's rules has to answer it with one text. `query` is put behind
    the receiver's URL.
    """

    label: str
    body: Callable[[int], bytes]
    after: float = 0.0
    copies: int = 1
    forgery: Forgery | None = None
    expects_reply: bool = False
    message_id: str | None = None
    method: str = "POST"
    query: str = ""
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPlan:
    """How the cloud delivers: its patience in seconds, the pauses between attempts, and what counts as success."""

    timeout: float
    pauses: tuple[float, ...]
    succeeded: Callable[[int], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswer:
    """What the cloud's API answers, and the webhooks that follow from the call.

    `effect` is the id of the message that the call made; None where it made none (an error, a repeat). A call that
    made several names the others in `more_effects`.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    follow_ups: tuple[Outgoing, ...] = ()
    effect: str | None = None
    more_effects: tuple[str, ...] = ()


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

    def headers(self, request: Request, now: float, forgery: Forgery | None = None) -> Mapping[str, str]:
        """Return the headers that prove a delivery, made at `now` Unix seconds, or forged as asked.

        `request` has the method, the target as the receiver gets it, the body, and its content type as header.
        """
        ...

    def misbehave(self, kind: Misbehavior, times: int) -> bool:
        """Misbehave in that way in the next `times` calls that it fits; False for what this cloud does not know.

        What any API may do is done by the one who serves it; the cloud is asked for the rest alone.
        """
        ...

    def traffic(self, random: Random, clock: Callable[[], float]) -> Iterator[Sequence[Outgoing]]:
        """Yield without end one small story after another, of every kind of event that the provider has."""
        ...

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> ApiAnswer:
        """Answer a call to the API. Header names are in lower case."""
        ...


@runtime_checkable
class Confirming(Protocol):
    """A cloud that keeps what it told until it is confirmed; beside `Cloud`, for the providers that do so."""

    def unconfirmed(self) -> int:
        """Return how many items wait to be confirmed now."""
        ...

    def confirmed(self) -> int:
        """Return how many items were confirmed so far, each counted once."""
        ...

    def strays(self) -> int:
        """Return how many confirmations named an item that this cloud never had, such as another account's."""
        ...
