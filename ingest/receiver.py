"""The way of one webhook, from a parsed HTTP request to its answer. Knows nothing of sockets and life cycles.

Time. The provider's patience runs from the first byte that it sends, so `answer_by` does too. A sender that leaves
less than half of `broker_wait` until then has used up its own time and not ours: for such a one both count from the
end of the body, so that a slow line still gets its webhook stored. How long a body may take is
`body_wait`, a limit of its own. Durations are read from `time.monotonic`, because the time of uvloop's loop stands
still within a turn and counts in whole milliseconds.

Repeats. The repeat of a webhook that was stored lately is answered with success and not stored again, also one whose
proof has become too old in the meantime: it is judged by the time at which the first copy came (P13).

Faults. A sender's fault gets a 4xx, ours the provider's retry status (P3). A verifier that raises is a bug of
ours: the sender is asked to come again. A normalizer that raises costs the events and not the webhook (P11).

Load. `max_in_flight` counts webhooks whose sender is proved, and `max_in_flight_bytes` their bodies, so over it
strangers are refused as always and hold no place; checking their signatures is the price. Where requests wait too
long for their turn, no signature is checked any more: anybody's gets the retry status at once (`ingest.admission`).
So it is for a moment after neither the log nor the spool could take a webhook (`ingest.storing`).
One that its provider is asked about takes its place after that, and so many of each account are asked about at once:
a slow API of one provider takes nothing from the others. Where bodies on their way use up `max_body_bytes`, the one
that wants more may be anybody's too, and the fault is our lack of memory.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

import structlog
from aiohttp.web import BaseRequest, Response

from ingest.admission import Admission
from ingest.answers import answer
from ingest.body import BodyFault, BodyRoom, read_body
from ingest.capture import CREDENTIALS, kept_headers, read_headers, traceparent_of
from ingest.door import Door
from ingest.duplicates import content_of
from ingest.metrics import NO_ACCOUNT, Fault, IngestMetrics, Outcome, Refusal
from ingest.normalizing import events_of
from ingest.publisher import PublishOutcome
from ingest.refusals import Refusals
from ingest.settings import ServerSettings
from ingest.storing import Incoming, Storing
from providers.contract import Account, Policy, Provider, Request, Verdict, Verification, Verifier
from providers.redaction import SECRET_PARAMETERS, kept_target
from providers.roles import Corroboration, Corroborator
from schemas.times import Clock, from_clock
from schemas.webhook import Webhook

PREFIX = "/webhooks/"

MOST_READ_BACKS = 128
"""Webhooks of one account that wait at once for what its provider says of them."""

_log = structlog.get_logger(__name__)

_BODY_REFUSALS: Mapping[BodyFault, tuple[int, Refusal]] = {
    BodyFault.TOO_LARGE: (413, Refusal.TOO_LARGE),
    BodyFault.SLOW: (408, Refusal.SLOW_BODY),
    BodyFault.MALFORMED: (400, Refusal.BAD_REQUEST),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One account that can be delivered to: who it is, how its provider behaves, who proves its senders.

    With a `corroborator` the provider itself is asked whether the events are true before they are stored.
    """

    account: Account
    provider: Provider
    verifier: Verifier
    corroborator: Corroborator | None = None


@dataclass(frozen=True, slots=True)
class _Route:
    """An endpoint and what can be worked out of its policy once."""

    endpoint: Endpoint
    name: str
    policy: Policy
    secret_headers: frozenset[str]
    secret_parameters: frozenset[str]
    allow: str
    retry: Mapping[str, str]
    challenge: Mapping[str, str]


_OUTCOMES: Mapping[PublishOutcome, tuple[Outcome, str]] = {
    PublishOutcome.STORED: (Outcome.STORED, "webhook_stored"),
    PublishOutcome.SET_ASIDE: (Outcome.STORED, "webhook_stored"),
    PublishOutcome.SPOOLED: (Outcome.SPOOLED, "webhook_spooled"),
    PublishOutcome.DUPLICATE: (Outcome.DUPLICATE, "webhook_repeated"),
}


@dataclass(frozen=True, slots=True)
class _Times:
    """Monotonic times of one request: its first byte, until when the log may take, when it has to be durable."""

    began: float
    broker_by: float
    durable_by: float


@dataclass(frozen=True, slots=True)
class _Arrival:
    """When a request came: the monotonic time at its first byte, and what tells that of its last one so far."""

    began: float
    last_byte_at: Callable[[], float]


def _route(name: str, endpoint: Endpoint) -> _Route:
    policy = endpoint.provider.policy
    own = endpoint.verifier.secrets
    return _Route(
        endpoint=endpoint,
        name=name,
        policy=policy,
        secret_headers=CREDENTIALS | own.headers | {header.lower() for header in policy.secret_headers},
        secret_parameters=SECRET_PARAMETERS | own.parameters | {name.lower() for name in policy.secret_parameters},
        allow=", ".join(sorted(policy.methods)),
        retry={"Retry-After": str(policy.retry_after)},
        challenge={} if policy.challenge is None else {"WWW-Authenticate": policy.challenge},
    )


def _times(policy: Policy, arrival: _Arrival) -> _Times:
    """Return the times of a webhook that is here whole. A sender that took long for it has them from its last byte.

    What the request waited for us since is our own delay, and is never taken for the sender's.
    """
    began, whole = arrival.began, arrival.last_byte_at()
    start = began if began + policy.answer_by - whole >= policy.broker_wait / 2 else whole
    return _Times(began, start + policy.broker_wait, start + policy.answer_by)


class Receiver:
    """Answers requests."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        storing: Storing,
        metrics: IngestMetrics,
        clock: Clock,
        settings: ServerSettings,
    ) -> None:
        self._routes = {name: _route(name, endpoint) for name, endpoint in endpoints.items()}
        self._storing = storing
        self.admission = Admission(settings.max_queue_time)
        self._metrics = metrics
        self.refusals = Refusals(metrics)
        self._clock = clock
        self.door = Door(settings, clock, metrics)
        self._room = BodyRoom(settings.max_body_bytes)
        metrics.watch_bodies(lambda: self._room.readers)
        self._max_in_flight = settings.max_in_flight
        self._max_in_flight_bytes = settings.max_in_flight_bytes
        self._in_flight = self._in_flight_bytes = 0
        self._asking: Counter[str] = Counter()

    async def receive(self, request: BaseRequest, began: float, last_byte_at: Callable[[], float]) -> Response:
        """Return the answer to a request.

        `began` is the monotonic time at its first byte; `last_byte_at` tells that of the last one so far.
        Raises nothing but CancelledError.
        """
        client = self.door.client(request)
        wait = self.door.wait(client)
        if wait is not None:
            response = self._refuse(NO_ACCOUNT, Refusal.RATE_LIMITED, 429)
            response.headers["Retry-After"] = str(wait)
            response.force_close()
            return response
        response = await self._routed(request, _Arrival(began, last_byte_at), client)
        self.door.answered(client, response.status)
        return response

    async def _routed(self, request: BaseRequest, arrival: _Arrival, client: str | None) -> Response:
        route = self._find(request)
        if isinstance(route, Refusal):
            return self._refuse(NO_ACCOUNT, route, 404)
        if request.method not in route.policy.methods:
            response = self._refuse(route.name, Refusal.METHOD_NOT_ALLOWED, 405)
            response.headers["Allow"] = route.allow
            return response
        try:
            return await self._receive(request, route, arrival, client)
        except Exception as error:  # noqa: BLE001 - a bug of ours is answered as our fault, never with a trace
            return self._our_fault(route, Fault.HANDLE, error)
        finally:
            self._metrics.answered(monotonic() - arrival.began)

    def _find(self, request: BaseRequest) -> _Route | Refusal:
        path = request.raw_path.partition("?")[0]
        route = self._routes.get(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None
        if route is not None:
            return route
        # Percent-encoded, or in absolute form, which RFC 9112 (3.2.2) obliges a server to take.
        path = request.path
        if not path.startswith(PREFIX):
            return Refusal.UNKNOWN_PATH
        return self._routes.get(path.removeprefix(PREFIX), Refusal.UNKNOWN_ACCOUNT)

    async def _receive(self, request: BaseRequest, route: _Route, arrival: _Arrival, client: str | None) -> Response:
        vain = self._in_vain()
        if vain is not None:
            return self._retry_later(route, vain)
        body = await read_body(request, route.policy.body_limit, route.policy.body_wait, self._room)
        if isinstance(body, BodyFault):
            return self._without_body(route, body)
        times = _times(route.policy, arrival)
        seen = Request(request.method, request.raw_path, read_headers(request.raw_headers), body, request.remote)
        try:
            now = self._clock()
            proof = route.endpoint.verifier.verify(seen, now)
            if proof.verdict is Verdict.TIMESTAMP_OUT_OF_TOLERANCE and self._is_late_repeat(route, seen):
                # An old proof on purpose: it tells nothing of our clock.
                self._metrics.ended(route.name, Outcome.DUPLICATE)
                return self._success(route)
            self.door.judged(route.endpoint.verifier, seen, now, proof)
        except Exception as error:  # noqa: BLE001 - a verifier that breaks its contract proves nobody
            return self._our_fault(route, Fault.VERIFY, error)
        if proof.verdict is not Verdict.VERIFIED:
            return self._not_proved(route, proof.verdict)
        return await self._proved(route, self._webhook(route, seen, proof, client), times)

    def _in_vain(self) -> Outcome | None:
        """Return what would become of any webhook that comes now, where that is known beforehand."""
        if self.admission.overloaded:
            return Outcome.OVERLOADED
        return Outcome.UNAVAILABLE if self._storing.shut else None

    async def _proved(self, route: _Route, webhook: Webhook, times: _Times) -> Response:
        size = len(webhook.body)
        if self._in_flight >= self._max_in_flight or (
            self._in_flight and self._in_flight_bytes + size > self._max_in_flight_bytes
        ):
            return self._retry_later(route, Outcome.OVERLOADED)
        incoming = self._incoming(route, webhook, times)
        doubt = await self._doubt(route, incoming)
        if doubt is not None:
            return doubt
        self._in_flight += 1
        self._in_flight_bytes += size
        self._metrics.in_flight.inc()
        try:
            return await self._store(route, incoming)
        finally:
            self._in_flight -= 1
            self._in_flight_bytes -= size
            self._metrics.in_flight.dec()

    def _is_late_repeat(self, route: _Route, seen: Request) -> bool:
        """Tell whether a request whose proof is too old now repeats one that is stored and was proved in its time."""
        webhook = self._webhook(route, seen, Verification(Verdict.VERIFIED), None)
        content = content_of(route.endpoint.provider, webhook, webhook.id)
        came_at = self._storing.duplicates.stored_at(content)
        return came_at is not None and route.endpoint.verifier.verify(seen, came_at).verdict is Verdict.VERIFIED

    def _incoming(self, route: _Route, webhook: Webhook, times: _Times) -> Incoming:
        webhook_id = webhook.id
        endpoint = route.endpoint
        return Incoming(
            webhook=webhook,
            id=webhook_id,
            content=content_of(endpoint.provider, webhook, webhook_id),
            events=lambda: events_of(endpoint.provider, endpoint.account, webhook, webhook_id, self._metrics),
            began=times.began,
            broker_by=times.broker_by,
            durable_by=times.durable_by,
        )

    def _webhook(self, route: _Route, seen: Request, proof: Verification, client: str | None) -> Webhook:
        account = route.endpoint.account
        return Webhook(
            provider=route.endpoint.provider.name,
            account=route.name,
            tenant=account.tenant,
            method=seen.method,
            target=kept_target(seen.target, route.secret_parameters),
            headers=kept_headers(seen.headers, route.secret_headers),
            body=seen.body,
            received_at=from_clock(self._clock),
            peer=client,
            verified_key=proof.key,
            traceparent=traceparent_of(seen.headers),
        )

    async def _store(self, route: _Route, incoming: Incoming) -> Response:
        outcome = await self._storing.store(incoming)
        if not outcome.durable:
            _log.warning("webhook_not_stored", account=route.name, webhook_id=incoming.id, reason=outcome.value)
            return self._retry_later(route, Outcome.UNAVAILABLE)
        if outcome is not PublishOutcome.DUPLICATE:
            self.door.stored(incoming.webhook.peer)
        counted, line = _OUTCOMES[outcome]
        self._metrics.ended(route.name, counted)
        millis = round((monotonic() - incoming.began) * 1000, 1)
        _log.info(line, account=route.name, webhook_id=incoming.id, ms=millis)
        return self._success(route)

    def _success(self, route: _Route) -> Response:
        return answer(route.policy.success_status, json=route.policy.success_body)

    async def _doubt(self, route: _Route, incoming: Incoming) -> Response | None:
        """Return the answer to a webhook that the provider itself does not vouch for, None where it does.

        Whoever knows the password may not know what the provider's API says. Where that cannot be asked now, the
        sender comes again. So many wait for it at once for each account: a slow API takes no place of others.
        """
        corroborator = route.endpoint.corroborator
        if corroborator is None:
            return None
        if self._asking[route.name] >= MOST_READ_BACKS:
            return self._retry_later(route, Outcome.OVERLOADED)
        # Half of the time that is left: the log needs the other half.
        wait = max(0.0, (incoming.durable_by - monotonic()) / 2)
        self._asking[route.name] += 1
        try:
            found = await corroborator.corroborate(incoming.events(), wait)
        except Exception as error:  # noqa: BLE001 - one that breaks its contract vouches for nothing
            return self._our_fault(route, Fault.VERIFY, error)
        finally:
            self._asking[route.name] -= 1
        match found:
            case Corroboration.CONFIRMED:
                return None
            case Corroboration.CONTRADICTED:
                _log.warning("webhook_contradicted", account=route.name, webhook_id=incoming.id)
                return self._not_proved(route, Verdict.CONTRADICTED)
            case Corroboration.UNKNOWN:
                _log.warning("webhook_not_corroborated", account=route.name, webhook_id=incoming.id)
                return self._retry_later(route, Outcome.UNAVAILABLE)

    def _without_body(self, route: _Route, fault: BodyFault) -> Response:
        if fault is BodyFault.GONE:
            self._metrics.ended(route.name, Outcome.ABANDONED)
            # Read by nobody. It may have been we who closed, so it must not count as a refusal.
            return answer(503, close=True)
        if fault is BodyFault.NO_ROOM:
            response = self._retry_later(route, Outcome.OVERLOADED)
            response.force_close()
            return response
        status, refusal = _BODY_REFUSALS[fault]
        response = self._refuse(route.name, refusal, status)
        response.force_close()
        return response

    def _refuse(self, account: str, reason: Refusal | Verdict, status: int) -> Response:
        self.refusals.note(account, reason, status)
        return answer(status)

    def _not_proved(self, route: _Route, reason: Verdict) -> Response:
        self.refusals.note(route.name, reason, 401)
        return answer(401, headers=route.challenge)

    def _our_fault(self, route: _Route, place: Fault, error: Exception) -> Response:
        self._metrics.fault(route.name, place)
        # The class alone: an exception's words may quote the message.
        _log.error("receiver_fault", account=route.name, place=place.value, error=type(error).__name__)
        return self._retry_later(route, Outcome.UNAVAILABLE)

    def _retry_later(self, route: _Route, outcome: Outcome) -> Response:
        self._metrics.ended(route.name, outcome)
        return answer(route.policy.retry_status, headers=route.retry)
