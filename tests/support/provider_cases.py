"""What a provider tells of itself, so that the conformance suite can hold it: genuine requests, proofs, forgeries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from providers.contract import NO_SETTINGS, Account, Provider, Request, Settings
from providers.simulation import Cloud
from schemas.events import Event
from schemas.vocabulary import Ingress
from schemas.webhook import Webhook

NOW = 1_767_225_600.0
TARGET = "/webhooks/main"
ROOT = Path(__file__).parents[2]
SHARED = ROOT / ".." / "shared" / "providers"
FIXTURES = ROOT / "tests" / "fixtures"
JSON = "application/json"

Prove = Callable[[Request, float], Mapping[str, str]]
"""Gives the headers that prove a request at Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One thing that the provider says: a webhook, or with `polled` an item that a poll found under that path."""

    name: str
    body: bytes = field(repr=False)
    method: str = "POST"
    query: str = ""
    content_type: str = JSON
    polled: str | None = None

    @property
    def target(self) -> str:
        """Where it comes in: the account's URL with the query, or the path that was polled."""
        return self.polled or f"{TARGET}?{self.query}".rstrip("?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to prove a sender: the account's `settings` that trust it, and the genuine and the false proofs.

    `false` are proofs that must be refused, by a word each, at least one: another key, another password. `patience`
    is after how many seconds a proof is too old, None where it has no date. `covers_body` says that a changed byte
    must be seen. `foreign` are proved requests that are not for this account. `secrets` are texts that may stand in no
    record and in no repr.
    """

    name: str
    settings: Settings
    prove: Prove
    false: Mapping[str, Prove]
    patience: float | None = None
    covers_body: bool = False
    foreign: tuple[Sample, ...] = ()
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """A published or computed signature case: what the account has, what came, when, and the verdict's word."""

    name: str
    settings: Settings
    request: Request
    now: float
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One message followed to its end, in the provider's own shapes; each has to mean the same at every provider."""

    sent: Sample
    delivered: Sample
    reply: Sample
    stop: Sample

    @property
    def samples(self) -> tuple[Sample, ...]:
        """In the order in which they happen."""
        return (self.sent, self.delivered, self.reply, self.stop)


def _the_same(body: bytes) -> bytes:
    return body


def _no_vectors() -> Sequence[Vector]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCase:
    """A provider and what the suite needs to hold it.

    `cloud` makes its simulated cloud. `folder` has its README. `examples` are files that others published, None where
    nobody did; `shown` makes a sample of a file. `twins` are pairs of a push and a polled item that tell of one event.
    `retried` makes the body of the second attempt of that of the first, where the two differ.
    `unusable` are settings under which nobody could be proved. `credentials` are settings that let its client be made.
    """

    provider: Provider
    cloud: Callable[[bytes | None], Cloud]
    folder: Path
    ways: tuple[Way, ...]
    fixtures: Path
    examples: Path | None = None
    shown: Callable[[Path], Sample]
    story: Story
    twins: tuple[tuple[Sample, Sample], ...] = ()
    vectors: Callable[[], Sequence[Vector]] = _no_vectors
    retried: Callable[[bytes], bytes] = _the_same
    unusable: Mapping[str, Settings]
    credentials: Settings = field(default_factory=dict[str, Any])

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Everything of our own: the fixtures' files, the story, both of each pair of twins."""
        pairs = tuple(sample for pair in self.twins for sample in pair)
        return (*(self.shown(path) for path in _files(self.fixtures)), *self.story.samples, *pairs)

    @property
    def example_files(self) -> tuple[Path, ...]:
        """The published files, none where they are not beside us."""
        return () if self.examples is None else _files(self.examples)

    def account(self, way: Way | None = None, **settings: Any) -> Account:
        """Return an account that trusts one of the ways, the first by default."""
        given = (way or self.ways[0]).settings
        defaults = {item.name: item.default for item in self.provider.settings if item.default is not None}
        return Account(
            name="main", provider=self.provider.name, tenant="acme", settings={**defaults, **given, **settings}
        )

    def events(self, sample: Sample, settings: Settings = NO_SETTINGS, **changes: Any) -> tuple[Event, ...]:
        """Return what the provider's normalizer makes of a sample."""
        return self.provider.normalize(self.webhook(sample, **changes), settings)

    def webhook(self, sample: Sample, *, account: str = "main", now: float = NOW) -> Webhook:
        """Return the verified webhook, or the polled item, that a sample is."""
        return Webhook(
            provider=self.provider.name,
            account=account,
            tenant="acme",
            method=sample.method if sample.polled is None else "GET",
            target=sample.target,
            headers=(("content-type", sample.content_type),),
            body=sample.body,
            received_at=datetime.fromtimestamp(now, UTC),
            ingress=Ingress.PUSH if sample.polled is None else Ingress.POLL,
        )


def request_of(sample: Sample, headers: Mapping[str, str] | None = None) -> Request:
    """Return a sample as a request from this machine, with the headers that prove it."""
    given = {"content-type": sample.content_type, **(headers or {})}
    fields = tuple((name.lower(), value) for name, value in given.items())
    return Request(sample.method, sample.target, fields, sample.body, "127.0.0.1")


def json_file(path: Path) -> Sample:
    """Return a file as the body of a webhook by POST."""
    return Sample(name=path.stem, body=path.read_bytes())


def shared(provider: str) -> Path:
    """Return where the published examples of a provider are."""
    return SHARED / provider / "examples"


def skip_without(path: Path | None) -> None:
    """Skip the test where the specification is not beside us."""
    if path is None or not path.exists():
        pytest.skip("the provider's published examples are not here")


def _files(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.glob("*") if path.is_file()))
