"""The raw record: a verified webhook exactly as it came, the unit of durability.

Its value is the body. Everything else is in headers: `http_method`, `http_target`, one `http_<name>` for each
header field (repeated ones repeated, names in lower case), and CloudEvents extensions for what we know of it.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from schemas.events import Event
from schemas.ids import digest_id
from schemas.records import Headers, Record, StoredRecord
from schemas.times import format_time, from_millis, parse_time, to_millis
from schemas.topics import WEBHOOKS
from schemas.vocabulary import EventType, Ingress

HttpHeaders = tuple[tuple[str, str], ...]
"""Header fields in order, names in lower case; bytes that are not UTF-8 as surrogate escapes."""


class NotAWebhookError(ValueError):
    """A record that does not hold a raw webhook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook whose sender is proved. `peer` is the address it came from, `verified_key` names the key."""

    provider: str
    account: str
    tenant: str | None = None
    method: str
    target: str
    headers: HttpHeaders
    body: bytes = field(repr=False)
    received_at: datetime
    peer: str | None = None
    verified_key: str | None = None
    ingress: str = Ingress.PUSH
    traceparent: str | None = None

    @property
    def id(self) -> str:
        """The id of the raw record: of account and content, so that a repeat of the same bytes has it too.

        The content is the body, or the query where there is no body (a webhook by GET). A query is marked as one,
        so that it never has the id of a body of the same bytes.
        """
        if self.body or "?" not in self.target:
            return digest_id(self.account, EventType.WEBHOOK_RECEIVED, hashlib.sha256(self.body).hexdigest())
        query = _bytes(self.target.partition("?")[2])
        return digest_id(self.account, EventType.WEBHOOK_RECEIVED, hashlib.sha256(query).hexdigest(), "query")

    def header(self, name: str) -> str | None:
        """Return the first header field of that name, which is given in lower case."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReceived(Event):
    """A raw record as consumers get it. It has no JSON: its value is the body alone."""

    TYPE = EventType.WEBHOOK_RECEIVED

    webhook: Webhook


def webhook_to_record(webhook: Webhook, webhook_id: str) -> Record:
    """Return the record of the raw topic that holds this webhook."""
    return Record(
        topic=WEBHOOKS.name,
        key=f"{webhook.account}|{webhook_id}".encode(),
        value=webhook.body,
        headers=_headers(webhook, webhook_id),
        timestamp=to_millis(webhook.received_at),
    )


def webhook_from_record(record: StoredRecord | Record) -> Webhook:
    """Return the webhook that a record of the raw topic holds.

    Raises NotAWebhookError where the record lacks what every raw record has.
    """
    first: dict[str, str] = {}
    for name, value in record.headers:
        first.setdefault(name, _text(value))
    try:
        return Webhook(
            provider=first["ce_provider"],
            account=first["ce_account"],
            tenant=first.get("ce_tenant"),
            method=first["http_method"],
            target=first["http_target"],
            headers=_http_headers(record.headers),
            body=record.value or b"",
            # A record that was passed on, as from the dead letters, has a timestamp of its own.
            received_at=parse_time(first.get("ce_time")) or from_millis(record.timestamp),
            peer=first.get("ce_peer"),
            verified_key=first.get("ce_verifiedkey"),
            ingress=first.get("ce_ingress", Ingress.PUSH),
            traceparent=first.get("traceparent"),
        )
    except KeyError as error:
        raise NotAWebhookError(f"no header {error.args[0]!r}") from error


def _headers(webhook: Webhook, webhook_id: str) -> Headers:
    source, names = _of_account(webhook.provider, webhook.account)
    identity = webhook_id.encode()
    optional = (
        ("ce_tenant", webhook.tenant),
        ("ce_peer", webhook.peer),
        ("ce_verifiedkey", webhook.verified_key),
        ("traceparent", webhook.traceparent),
    )
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", identity),
        *source,
        ("ce_time", format_time(webhook.received_at).encode()),
        *names,
        ("ce_webhookid", identity),
        ("ce_ingress", _bytes(webhook.ingress)),
        *[(name, _bytes(value)) for name, value in optional if value is not None],
        ("content-type", _bytes(webhook.header("content-type") or "application/octet-stream")),
        # Ahead of the sender's own fields: a header field named `method` comes second and does not count.
        ("http_method", _bytes(webhook.method)),
        ("http_target", _bytes(webhook.target)),
        *[(f"http_{name}", _bytes(value)) for name, value in webhook.headers],
    )


@lru_cache(maxsize=1024)
def _of_account(provider: str, account: str) -> tuple[Headers, Headers]:
    """Return what is the same in every record of an account: source and type, then account and provider."""
    kind = EventType.WEBHOOK_RECEIVED.encode()
    return (
        (("ce_source", _bytes(f"/{provider}/{account}")), ("ce_type", kind)),
        (("ce_account", _bytes(account)), ("ce_provider", _bytes(provider))),
    )


def _http_headers(headers: Headers) -> HttpHeaders:
    ours = {"http_method", "http_target"}
    found: list[tuple[str, str]] = []
    for name, value in headers:
        if name in ours:
            ours.remove(name)
        elif name.startswith("http_"):
            found.append((name.removeprefix("http_"), _text(value)))
    return tuple(found)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
