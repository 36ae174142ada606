"""Events and signed requests of every provider, made by the simulated clouds that come with Hookline.

A cloud writes webhooks as its provider does, with invented people, and the provider's own normalizer makes events of
them: what a handler sees in a test is what it sees in production.
"""

import itertools
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import TypeVar, overload

from hookline.configuration.accounts import AccountReader
from hookline.configuration.problems import Problems
from hookline.simulator.engine import delivery_headers
from providers.contract import Account
from providers.registry import CLOUDS, cloud, provider
from providers.simulation import Cloud, Outgoing
from schemas.events import Event, MessageReceived
from schemas.webhook import Webhook

E = TypeVar("E", bound=Event)

NOON = 1_767_268_800.0
"""2026-01-01 12:00 UTC, when all sample events happen."""

STORIES = 60
"""Enough for every kind of story of every provider."""

_SEED = bytes(32)
_API = "http://127.0.0.1:9"
_NO_FOLDER = Path("/nonexistent")  # whoever asked for the working directory would block the loop of an async test


class SampleEvents(Sequence[Event]):
    """Events of every provider, always the same ones. The account of each is named like its provider."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = tuple(events)

    @overload
    def __getitem__(self, index: int) -> Event: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...

    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        return self._events[index]

    def __len__(self) -> int:
        return len(self._events)

    def of(self, kind: type[E], provider: str | None = None) -> tuple[E, ...]:
        """Return those of a type, of one provider or of all."""
        return tuple(event for event in self._events if isinstance(event, kind) and provider in {None, event.provider})

    def one(self, kind: type[E], provider: str | None = None) -> E:
        """Return the first of a type. Raises LookupError where that provider has none such."""
        found = self.of(kind, provider)
        if not found:
            raise LookupError(f"no {kind.__name__} of {provider or 'any provider'} among the samples")
        return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A webhook as the provider sends it, signed with a key that is good for nothing else.

    `target` is path and query. `toml` is the table `[accounts.NAME]` of an account that trusts it, whose references
    lead to `environment`. `events` are what Hookline makes of it.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    toml: str
    environment: Mapping[str, str] = field(repr=False)
    events: tuple[Event, ...]


@cache
def sample_events() -> SampleEvents:
    """Return events of every provider: what people wrote, deliveries, opt-outs, notices."""
    return SampleEvents([event for name in CLOUDS for event in _events_of(name)])


def signed_request(
    provider: str, kind: type[Event] = MessageReceived, *, account: str | None = None, at: float | None = None
) -> SignedRequest:
    """Return a request of that provider which brings an event of that type, signed at `at` Unix seconds, else now.

    The key is the same for all requests of this process and another one in the next. The account is named like the
    provider where `account` is absent. Raises AccountError for a provider that there is none of, LookupError where it
    sends no such event.
    """
    made = _cloud_of_this_process(provider)
    now = time.time() if at is None else at
    name = account or provider
    believer = _account(name, made)
    for outgoing in _told(made, now):
        webhook = _webhook(made, believer, outgoing, now)
        events = _normalized(believer, webhook)
        if any(isinstance(event, kind) for event in events):
            return _signed(made, name, webhook, events)
    raise LookupError(f"{provider} sends nothing that is a {kind.__name__}")


def _events_of(name: str) -> list[Event]:
    made = cloud(name, _SEED)
    account = _account(name, made)
    return [
        event
        for outgoing in _told(made, NOON)
        for event in _normalized(account, _webhook(made, account, outgoing, NOON))
    ]


@cache
def _cloud_of_this_process(name: str) -> Cloud:
    return cloud(name)


def _told(made: Cloud, now: float) -> list[Outgoing]:
    """Return what the cloud tells in its first stories, without the forged."""
    stories = itertools.islice(made.traffic(Random(0), lambda: now), STORIES)  # noqa: S311 - invented people
    return [outgoing for story in stories for outgoing in story if outgoing.forgery is None]


def _webhook(made: Cloud, account: Account, outgoing: Outgoing, now: float) -> Webhook:
    target = f"/webhooks/{account.name}" + (f"?{outgoing.query}" if outgoing.query else "")
    body = outgoing.body(1)
    headers = delivery_headers(made, outgoing, body, now, target)
    return Webhook(
        provider=account.provider,
        account=account.name,
        method=outgoing.method,
        target=target,
        headers=tuple((name.lower(), value) for name, value in headers.items()),
        body=body,
        received_at=datetime.fromtimestamp(int(now), UTC),
    )


def _normalized(account: Account, webhook: Webhook) -> tuple[Event, ...]:
    return provider(account.provider).normalize(webhook, account.settings)


def _signed(made: Cloud, name: str, webhook: Webhook, events: tuple[Event, ...]) -> SignedRequest:
    return SignedRequest(
        method=webhook.method,
        target=webhook.target,
        headers=dict(webhook.headers),
        body=webhook.body,
        toml="\n".join((f"[accounts.{name}]", *_lines(made), "")),
        environment=made.environment(),
        events=events,
    )


def _lines(made: Cloud) -> Sequence[str]:
    return made.account_lines(_API, lambda variable: f"env:{variable}")


def _account(name: str, made: Cloud) -> Account:
    """Return the account that trusts the cloud, read as the configuration is."""
    table = tomllib.loads("\n".join(_lines(made)))
    problems = Problems("the cloud's own lines", {})
    found = AccountReader(_NO_FOLDER, made.environment(), problems, {}).read({name: table})
    problems.raise_if_any()
    return found[name]
