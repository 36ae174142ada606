"""A provider with a shared secret, whose verifier and policy a test may change."""

import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson

from ingest.server import Endpoint
from providers.contract import (
    Account,
    AccountError,
    Finding,
    Policy,
    Provider,
    Request,
    SecretPlaces,
    Sender,
    Settings,
    Verdict,
    Verification,
    Verifier,
)
from schemas.events import Event, MessageReceived, WebhookUnrecognized
from schemas.ids import event_id
from schemas.vocabulary import EventType
from schemas.webhook import Webhook

SECRET = "open-sesame"
NUMBER = "+13125550142"
TEXT = "The parcel is at the neighbour"


class SharedSecret:
    """Proves a sender by a header, or by a query parameter."""

    @property
    def secrets(self) -> SecretPlaces:
        """Nowhere beside what the policy names."""
        return SecretPlaces()

    def verify(self, request: Request, now: float) -> Verification:
        """Return the verdict."""
        given = request.header("x-sample-secret")
        if given is None and "token=" in request.target:
            given = request.target.partition("token=")[2].partition("&")[0]
        if given is None:
            return Verification(Verdict.MISSING_SIGNATURE)
        if now < 0:
            return Verification(Verdict.TIMESTAMP_OUT_OF_TOLERANCE)
        same = hmac.compare_digest(given.encode("utf-8", "surrogateescape"), SECRET.encode())
        return Verification(Verdict.VERIFIED, "shared") if same else Verification(Verdict.SIGNATURE_MISMATCH)

    def explain(self, request: Request, now: float) -> Sequence[Finding]:
        """Return what the verdict is."""
        return (Finding(ok=True, title=self.verify(request, now).verdict),)


class BrokenVerifier(SharedSecret):
    """A verifier with a bug."""

    def verify(self, request: Request, now: float) -> Verification:
        """Raise, against the contract."""
        raise ZeroDivisionError(f"a bug that quotes {NUMBER} of {request} at {now}")


class FixedVerdict(SharedSecret):
    """A verifier that gives one verdict, whatever the shared secret would have said."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict

    def verify(self, request: Request, now: float) -> Verification:
        """Return the fixed verdict."""
        return replace(super().verify(request, now), verdict=self._verdict)


def normalize(webhook: Webhook, _settings: Settings) -> tuple[Event, ...]:
    """Return one message for each recipient of the body's JSON, or one unrecognized event."""
    common: Any = {"provider": "sample", "account": webhook.account, "received_at": webhook.received_at}
    try:
        plain = orjson.loads(webhook.body)
        recipients = [str(to) for to in plain["to"]]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        identity = event_id(webhook.account, EventType.WEBHOOK_UNRECOGNIZED, webhook.id)
        return (WebhookUnrecognized(id=identity, reason="not_understood", **common),)
    return tuple(
        MessageReceived(
            id=event_id(webhook.account, EventType.MESSAGE_RECEIVED, str(plain.get("id")), to),
            message_id=str(plain.get("id")),
            to=to,
            from_=plain.get("from"),
            text=plain.get("text"),
            **common,
        )
        for to in recipients
    )


def _no_sender(account: Account) -> Sender:
    raise AccountError(f"{account.name}: the sample sends nothing")


def _verifier(_account: Account) -> Verifier:
    return SharedSecret()


POLICY = Policy(
    methods=frozenset({"POST", "GET"}),
    success_status=202,
    retry_status=503,
    retry_after=7,
    deadline=2.0,
    answer_by=1.0,
    broker_wait=0.5,
    body_limit=10_000,
    body_wait=0.5,
    secret_headers=frozenset({"x-sample-secret"}),
    secret_parameters=frozenset({"token"}),
)

SAMPLE = Provider(
    name="sample",
    title="Sample",
    policy=POLICY,
    settings=(),
    verifier=_verifier,
    normalize=normalize,
    sender=_no_sender,
    reach=lambda _account: "http://127.0.0.1:9",
    portal_steps=(),
)


def endpoint(provider: Provider = SAMPLE, verifier: Verifier | None = None, name: str = "main") -> Endpoint:
    """Return an account of the sample provider, ready to be delivered to."""
    account = Account(name=name, provider=provider.name, tenant="acme")
    return Endpoint(account, provider, verifier or provider.verifier(account))


def with_policy(**changes: Any) -> Provider:
    """Return the sample provider with another policy."""
    return replace(SAMPLE, policy=replace(POLICY, **changes))
