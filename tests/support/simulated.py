"""Simulated clouds in tests: what they deliver as webhooks, accounts that trust them, calls of their APIs."""

import itertools
import json
import tomllib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

from consumers.auto_reply.deciding import ReplyOutcome, Ways, decide
from consumers.auto_reply.rules import RuleBook
from consumers.auto_reply.settings import AutoReplySettings, Rule
from hookline.simulator.api import CloudApi
from hookline.simulator.engine import delivery_headers
from providers.contract import Account, Request, Secret
from providers.rest.transport import Tempo
from providers.simulation import ApiAnswer, Cloud, Forgery, Outgoing
from schemas.events import Event, InboundMessage
from schemas.vocabulary import Ingress
from schemas.webhook import Webhook

SEED = bytes(range(32))
NOW = 1_767_225_600.0
QUICK = Tempo(timeout=5.0, first_pause=0.001)
DEMO_RULES = RuleBook.of(
    AutoReplySettings(
        rules=(Rule(name="hours", keywords=("HOURS",), reply="Open 9 to 17."),), default_reply="We will call you back."
    )
)


def told(cloud: Cloud, stories: int) -> list[Outgoing]:
    """Return the deliveries of the first stories."""
    return [
        outgoing for story in itertools.islice(cloud.traffic(Random(7), lambda: NOW), stories) for outgoing in story
    ]


def request_of(
    cloud: Cloud, outgoing: Outgoing, *, attempt: int = 1, now: float = NOW, forgery: Forgery | None = None
) -> Request:
    """Return the request that a delivery makes, as a receiver gets it."""
    target = f"/webhooks/main?{outgoing.query}" if outgoing.query else "/webhooks/main"
    body = outgoing.body(attempt)
    headers = delivery_headers(cloud, replace(outgoing, forgery=forgery or outgoing.forgery), body, now, target)
    fields = tuple((name.lower(), value) for name, value in headers.items())
    return Request(outgoing.method, target, fields, body)


def webhook_of(provider: str, request: Request, ingress: str = Ingress.PUSH) -> Webhook:
    """Return the webhook that a request is, once it is proved."""
    return Webhook(
        provider=provider,
        account="main",
        tenant=None,
        method=request.method,
        target=request.target,
        headers=request.headers,
        body=request.body,
        received_at=datetime.fromtimestamp(NOW, UTC),
        ingress=ingress,
    )


def polled(provider: str, target: str, item: object) -> Webhook:
    """Return the raw record of an item that a poll found."""
    headers = (("content-type", "application/json"),)
    body = item if isinstance(item, bytes) else json.dumps(item).encode()
    return webhook_of(provider, Request("GET", target, headers, body), Ingress.POLL)


def account_of(cloud: Cloud, base_url: str = "http://127.0.0.1:1", **changes: Any) -> Account:
    """Return the account that the cloud's TOML lines and environment describe."""
    environment = cloud.environment()
    parsed = tomllib.loads("\n".join(cloud.account_lines(base_url, lambda name: f"env:{name}")))
    provider = parsed.pop("provider")
    return Account(name="main", provider=provider, settings={**_resolved(parsed, environment), **changes})


def _resolved(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _resolved(one, environment) for name, one in value.items()}
    if isinstance(value, list):
        return tuple(_resolved(one, environment) for one in value)
    if isinstance(value, str) and value.startswith("env:"):
        return Secret(environment[value.removeprefix("env:")], value)
    return value


def is_due(event: Event, *, needs_number: bool) -> bool:
    """Tell whether a receiver with the demo's rules answers an event."""
    if not isinstance(event, InboundMessage):
        return False
    now = datetime.fromtimestamp(NOW, UTC)
    return decide(DEMO_RULES, event, now, Ways(needs_number=needs_number)).outcome is ReplyOutcome.REPLY


def answer_of(
    cloud: Cloud, headers: Mapping[str, str], line: tuple[str, str], value: Any = None, now: float = NOW
) -> ApiAnswer:
    """Return the cloud's answer to a call; `line` is method and path, `value` the JSON of its body, or its bytes."""
    body = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
    return cloud.answer(*line, headers, body, now)


@asynccontextmanager
async def api_of(cloud: Cloud, clock: Callable[[], float] | None = None) -> AsyncGenerator[tuple[CloudApi, str]]:
    """Serve the cloud's API, and give it with its base URL."""
    api = CloudApi(cloud, clock=clock) if clock else CloudApi(cloud)
    base_url = await api.start()
    try:
        yield api, base_url
    finally:
        await api.stop()


def moving(start: float = NOW, step: float = 1.0) -> Callable[[], float]:
    """Return a clock that moves on with each look."""
    ticks: Iterator[float] = itertools.count(start, step)
    return lambda: next(ticks)
