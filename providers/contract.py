"""What a provider's folder gives: a policy table, a verifier, a normalizer, a client.

A provider is data and pure functions, gathered in one `Provider` value. It never sees HTTP server objects, a
log, or a clock that was not handed to it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from providers.roles import Confirmer, Corroborator, Lookup, Poll, Setup, SetupRequest
from schemas.errors import HooklineError
from schemas.events import Event, InboundMessage, ProviderError, SendRequested
from schemas.vocabulary import Autoresponse, Consent, DeliveryStatus, FailureClass, RequestStatus
from schemas.webhook import HttpHeaders, Webhook

Settings = Mapping[str, Any]
"""The values of an account's Settings, by their names."""

NO_SETTINGS: Settings = {}


class Verdict(StrEnum):
    """What came of checking a sender. Everything but VERIFIED is a refusal."""

    VERIFIED = "verified"
    MISSING_SIGNATURE = "missing_signature"
    MISSING_TIMESTAMP = "missing_timestamp"
    INVALID_TIMESTAMP = "invalid_timestamp"
    TIMESTAMP_OUT_OF_TOLERANCE = "timestamp_out_of_tolerance"
    INVALID_SIGNATURE_ENCODING = "invalid_signature_encoding"
    SIGNATURE_MISMATCH = "signature_mismatch"
    UNKNOWN_KEY = "unknown_key"
    DIGEST_MISMATCH = "digest_mismatch"
    UNSUPPORTED_CIPHER = "unsupported_cipher"
    MISSING_SECRET = "missing_secret"  # noqa: S105 - a word, no secret
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - the same
    NOT_FROM_PROXY = "not_from_proxy"
    MISSING_CERTIFICATE = "missing_certificate"
    UNKNOWN_CERTIFICATE = "unknown_certificate"
    WRONG_COMPANY = "wrong_company"
    WRONG_APPLICATION = "wrong_application"
    CONTRADICTED = "contradicted"
    NOT_CONFIGURED = "not_configured"
    INVALID_KEY = "invalid_key"


class AccountError(HooklineError, ValueError):
    """An account that cannot do its work; `reason` is NOT_CONFIGURED or INVALID_KEY where a key is to blame."""

    def __init__(self, message: str, reason: Verdict = Verdict.NOT_CONFIGURED) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Request:
    """What a verifier needs of an HTTP request. Header names are in lower case.

    `peer` is the address that it came from, None where that is not known (a captured request).
    """

    method: str
    target: str
    headers: HttpHeaders
    body: bytes = field(repr=False)
    peer: str | None = None

    def header(self, name: str) -> str | None:
        """Return the header field of that name; a repeated one is joined with `, ` (RFC 9110, 5.2)."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Verification:
    """A verdict; `key` names the key that verified, never its bytes.

    `skew` is the sender's time minus ours in seconds, where the verdict depends on it: of a request that is proved,
    and of one refused for its age, whose time nobody has proved. None where a request tells no time.
    """

    verdict: Verdict
    key: str | None = None
    skew: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an explanation of a signature found, in plain words, showing no secret."""

    ok: bool
    title: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class SecretPlaces:
    """Where an account's requests carry secrets: names that never reach a record, in lower case."""

    headers: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()


class Verifier(Protocol):
    """Proves who sent a request, with the keys of one account."""

    @property
    def secrets(self) -> SecretPlaces:
        """Where requests of this account carry secrets, beside what the policy names."""
        ...

    def verify(self, request: Request, now: float) -> Verification:
        """Return the verdict at `now` Unix seconds. Never raises, whatever the bytes."""
        ...

    def explain(self, request: Request, now: float) -> Sequence[Finding]:
        """Return step by step why the request verifies or not."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a provider delivers and what it wants to hear. Times in seconds, sizes in bytes.

    `broker_wait` is how long a webhook may wait for the broker, `answer_by` when it must be durable, both from
    the request's first byte; `deadline` is when the provider gives up. `secret_headers` never reach a record.
    `success_body` is the JSON that a success is answered with, empty for none. `challenge` is the `WWW-Authenticate`
    of every refusal, for providers whose senders authenticate by HTTP's own schemes (RFC 9110, 11.6.1).
    """

    methods: frozenset[str]
    success_status: int
    retry_status: int
    retry_after: int
    deadline: float
    answer_by: float
    broker_wait: float
    body_limit: int
    body_wait: float
    secret_headers: frozenset[str] = frozenset()
    secret_parameters: frozenset[str] = frozenset()
    success_body: bytes = b""
    challenge: str | None = None


class SendStatus(StrEnum):
    """What a provider did with a request to send."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    RETRY = "retry"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReceipt:
    """What came of one call. RETRY says that nothing was sent and when to ask again, in seconds.

    UNKNOWN says that the call may have had its effect.
    """

    status: SendStatus
    message_id: str | None = None
    http_status: int | None = None
    retry_after: float | None = None
    failure_class: str | None = None
    errors: tuple[ProviderError, ...] = ()
    reason: str | None = None


class Sender(Protocol):
    """Sends texts through one account."""

    def prepare(self, command: SendRequested) -> bytes:
        """Return the request body. The same bytes are to be sent again under the same id."""
        ...

    async def send(self, command_id: str, body: bytes) -> SendReceipt:
        """Call the provider once. Never raises for what the provider or the network does."""
        ...

    @property
    def idempotent(self) -> bool:
        """Whether the same id and bytes, sent twice, have one effect."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


@runtime_checkable
class LooksUp(Protocol):
    """A sender that can find out what came of a call whose answer was lost; beside `Sender`, where a provider can.

    It is for providers that send twice what is sent twice, and keep the command's id with what they were sent.
    """

    @property
    def settles(self) -> float:
        """Seconds after the end of a call before which not to be found says nothing."""
        ...

    async def look_up(self, command_id: str, body: bytes) -> SendReceipt | None:
        """Return what the provider has under the command's id, None where it has nothing. Sends nothing.

        `body` is what was sent. ACCEPTED with a message id: it is there. RETRY: the provider could not be asked now.
        Never raises for what the provider or the network does.
        """
        ...


@dataclass(frozen=True, slots=True)
class Secret:
    """A value from the environment or a file. `origin` says where it came from and may be shown."""

    value: str = field(repr=False)
    origin: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One configuration key of an account of this provider. `secret` values are references (`env:`, `file:`).

    `literal` allows the value itself in place of a reference: a public key is nobody's secret. `proves` says that
    senders are proved with it: an account that receives needs it, one that sends alone does not. With `fields` the
    value may be a table of those settings (`kind` is then `dict`), and where it is `secret` a reference too. With
    `kind` `dict` and without `fields` it is a table of texts. `kind` `Path` is a path, relative to the configuration;
    `{account}` in its default is the account's name. With `number_as_text` a number counts as the text of its digits.
    `choices` are the only texts allowed. `example` is written into a new configuration, as a comment if it is
    `optional`.
    """

    name: str
    summary: str
    kind: type = str
    many: bool = False
    secret: bool = False
    literal: bool = False
    proves: bool = False
    default: Any = None
    portal: str = ""
    fields: "tuple[Setting, ...]" = ()
    number_as_text: bool = False
    choices: tuple[str, ...] = ()
    example: Any = None
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What we have at a provider, the one unit of configuration. `settings` holds the values of its Settings.

    A `many` setting is a tuple; a `secret` one holds Secret values; one with `fields` holds mappings of them; absent
    ones are missing or the default.
    """

    name: str
    provider: str
    tenant: str | None = None
    settings: Settings = field(default_factory=dict[str, Any])


class ApiClient(Protocol):
    """A client of a provider's API; its operations are found by `providers.rest.operations`."""

    async def close(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A provider's words and ours: what a table in its folder says, for the page that shows all providers.

    Keys are the provider's own words or codes, in the spelling of its documentation.
    """

    statuses: Mapping[str, DeliveryStatus]
    failures: Mapping[str, FailureClass]
    consents: Mapping[str, Consent]
    requests: Mapping[str, RequestStatus] = field(default_factory=dict[str, RequestStatus])


def _nothing(_account: Account) -> None:
    return None


def _no_scope(_event: InboundMessage, _settings: Settings) -> str | None:
    return None


def _answers_nothing(_text: str, _settings: Settings) -> Autoresponse | None:
    return None


def _no_client(account: Account) -> ApiClient:
    raise AccountError(f"account {account.name!r}: no client")


def _no_setup(account: Account, _request: SetupRequest) -> Setup:
    raise AccountError(f"account {account.name!r}: nothing that its provider's API could set up")


def _no_polls(_account: Account) -> tuple[Poll, ...]:
    return ()


def _every_byte(_body: bytes) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Everything about one provider, as data and pure functions.

    `verifier` raises AccountError for an account that could prove nobody. `normalize` never raises and never
    returns nothing; it is given the account's settings. `sender`, `client`, `polls`, `confirmer`, `corroborator`,
    `lookup` and `setup` raise AccountError where a credential is missing; None or nothing says that the account wants
    none.
    `client` makes the client whose operations `hookline call` offers. `reach` is the URL whose answer
    proves that the provider can be reached. `answers` returns the family of a text that the provider answers itself, so
    that no rule of ours may: what `normalize` says of it, as far as text and settings tell. `chooses_number` says that
    a text can be sent without naming our number.
    `message_polls` names the polls that bring what people wrote, under the provider's ids, beside pushes of the same.

    `scope_of` returns the scope, as `ConsentChanged` words it, of the number of ours that a message came to: what a
    consent has to hold for so that it counts for that number. None where the event does not tell. It never raises.

    `content` returns what of a webhook's body counts when it is compared with one that is stored: the body without
    what changes with each attempt, None where every byte counts. It never raises. Two bodies with the same content must
    normalize to the same events, `attempt` and `provider_data` aside: the second is answered and not stored.
    """

    name: str
    title: str
    policy: Policy
    settings: tuple[Setting, ...]
    verifier: Callable[[Account], Verifier]
    normalize: Callable[[Webhook, Settings], tuple[Event, ...]]
    words: Words = field(default_factory=lambda: Words(statuses={}, failures={}, consents={}))
    sender: Callable[[Account], Sender]
    client: Callable[[Account], ApiClient] = _no_client
    reach: Callable[[Account], str]
    portal_steps: tuple[str, ...]
    setup: Callable[[Account, SetupRequest], Setup] = _no_setup
    polls: Callable[[Account], Sequence[Poll]] = _no_polls
    confirmer: Callable[[Account], Confirmer | None] = _nothing
    corroborator: Callable[[Account], Corroborator | None] = _nothing
    lookup: Callable[[Account], Lookup | None] = _nothing
    answers: Callable[[str, Settings], Autoresponse | None] = _answers_nothing
    chooses_number: bool = False
    message_polls: frozenset[str] = frozenset()
    scope_of: Callable[[InboundMessage, Settings], str | None] = _no_scope
    content: Callable[[bytes], bytes | None] = _every_byte
