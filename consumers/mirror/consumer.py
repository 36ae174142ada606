"""Mirror: posts each raw webhook to an old handler, as it came. See docs/mirror.md for what it cannot do.

A webhook that the old handler does not take now (5xx, 408, 425, 429, no answer) waits and is posted again; its offset
is not committed meanwhile, so nothing is lost by a crash, and some come twice. One that it refuses is counted, and
kept as a dead letter or skipped. What came by a poll never was a webhook, and is not posted; nor is a replay.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from consumers.catalogue import MIRROR
from consumers.consumer import Consumer, Reject, TryLater
from consumers.metrics import ConsumerMetrics, MirrorOutcome
from consumers.mirror.client import Answer, OldHandlers, UnreachableError, UnsendableError
from consumers.mirror.pacing import Pacing
from consumers.mirror.posting import posting_of
from consumers.mirror.settings import MirrorSettings, MirrorTarget
from consumers.mirror.turns import NoTurnError, Turns
from providers.credentials import is_reference
from schemas.envelope import Delivered
from schemas.times import Clock, to_millis
from schemas.vocabulary import Ingress
from schemas.webhook import WebhookReceived

NOT_CONFIGURED_WAIT = 60.0
PUTS_OFF_AFTER = 10.0
"""Seconds of a pause from which on a webhook waits in the retry topic and not in hand."""

NO_TURN_WAIT = 1.0

_NOT_NOW = frozenset({408, 425, 429})
# It is hardly this webhook's fault that there are too many, or that nobody stands behind the proxy.
_OF_THE_TARGET = frozenset({425, 429, 502, 503, 504})
# What no webhook is to blame for, though others go well meanwhile: too early, and too many.
_NEVER_OF_ONE = frozenset({425, 429})
_LAST = 1 << 62
"""The rank of one that may be to blame: those behind it show whether it is, so they go first."""

_MARGIN = 10.0

_log = structlog.get_logger(__name__)


def mirror(settings: MirrorSettings, handlers: OldHandlers, metrics: ConsumerMetrics, clock: Clock) -> Consumer:
    """Return the consumer that posts raw webhooks; without a target it passes over all of them."""
    targets = {
        name: _Target(name, target, settings, handlers, metrics, clock) for name, target in settings.targets.items()
    }
    in_order = any(target.in_order for target in settings.targets.values())
    slowest = max((target.timeout for target in settings.targets.values()), default=0.0)
    # One that waits for its turn waits for as many calls as there are connections, at most (see `take`).
    calls = settings.connections + 1 if in_order else 1
    return Consumer(
        MIRROR.name,
        MIRROR.topics,
        _Mirror(settings, targets).handle,
        has_effects=True,
        concurrency=settings.connections,
        deadline=slowest * calls + _MARGIN,
        keeps_order=False,
        # A target that is away for long must not hold the places of the others. By the retry topic order would be lost.
        puts_off_after=None if in_order else PUTS_OFF_AFTER,
    )


class _Mirror:
    def __init__(self, settings: MirrorSettings, targets: "Mapping[str, _Target]") -> None:
        self._settings = settings
        self._targets = targets

    async def handle(self, delivered: Delivered) -> None:
        """Post one webhook. Raises TryLater, Reject."""
        event = delivered.event
        if not isinstance(event, WebhookReceived):
            return
        name = self._settings.target_of(event.account)
        if name is not None:
            await self._targets[name].take(event)


class _Target:
    """One old handler, and how it fares."""

    def __init__(  # noqa: PLR0913, PLR0917 - made in one place
        self,
        name: str,
        settings: MirrorTarget,
        common: MirrorSettings,
        handlers: OldHandlers,
        metrics: ConsumerMetrics,
        clock: Clock,
    ) -> None:
        self._name = name
        self._settings = settings
        self._handlers = handlers
        self._clock = clock
        self._counters = metrics.mirrored(name)
        self._patience = settings.timeout * common.connections
        self._pacing = Pacing(common.give_up_after)
        # Accounts come from the configuration, so they are few.
        self._turns: dict[str, Turns] = {}

    async def take(self, event: WebhookReceived) -> None:
        """Bring a webhook to its end. Raises TryLater, Reject."""
        if event.webhook.ingress != Ingress.PUSH:
            self._counters[MirrorOutcome.NOT_PUSHED].inc()
        elif not self._settings.in_order:
            await self._post(event)
        else:
            turns = self._turns.setdefault(event.account, Turns())
            try:
                async with turns.turn(self._rank(event), self._patience):
                    await self._post(event)
            except NoTurnError as error:
                # While a backlog drains, there is always one before the newest. It is no try that failed.
                raise self._postponed(event, NO_TURN_WAIT, "behind_another") from error

    async def _post(self, event: WebhookReceived) -> None:
        if self._is_too_old(event):
            self._pacing.forget(event.account, event.id)
            self._counters[MirrorOutcome.TOO_OLD].inc()
            _log.warning("mirror_too_old", target=self._name, webhook_id=event.id)
            return
        self._check_readiness(event)
        posting = posting_of(event.webhook, self._settings.url, self._settings.headers)
        try:
            answer = await self._handlers.post(posting, self._settings.timeout)
        except UnreachableError as error:
            failure = _Failure(
                word="no_answer", what=str(error), reason="target_unreachable", whole=True, its_own=error.met
            )
            raise self._not_taken(event, failure) from error
        except UnsendableError as error:
            self._pacing.forget(event.account, event.id)
            raise Reject("unsendable") from error
        self._judge(event, answer)

    def _check_readiness(self, event: WebhookReceived) -> None:
        """Raise TryLater where the target is not to be asked now."""
        if any(is_reference(value) for value in self._settings.headers.values()):
            raise TryLater(NOT_CONFIGURED_WAIT, "target_secret_missing")
        now = _now()
        pause = self._pacing.pause(now)
        waits = self._settings.in_order and not self._pacing.is_proven(event.id)
        behind = self._pacing.behind(event.account, event.id, self._rank(event), now) if waits else 0.0
        if pause or behind:
            # Not all at once when a rest ends: the first one would be heard among all the others.
            raise self._postponed(event, max(pause, behind), "target_unwell" if pause else "behind_another")

    def _postponed(self, event: WebhookReceived, pause: float, reason: str) -> TryLater:
        if self._settings.in_order and self._pacing.is_suspect(event.id):
            # Whether it is to blame the others show, once they need not wait for it.
            self._pacing.give_place_up(event.account, event.id)
        elif self._settings.in_order:
            self._pacing.keep_place(event.account, event.id, self._rank(event), _now() + pause)
        return TryLater(pause, reason)

    def _judge(self, event: WebhookReceived, answer: Answer) -> None:
        """Count what the answer means. Raises TryLater, Reject."""
        status = answer.status
        if status >= 500 or status in _NOT_NOW:
            whole, its_own = status in _OF_THE_TARGET, status not in _NEVER_OF_ONE
            words = {"word": str(status), "what": f"status {status}", "reason": "target_unwell"}
            raise self._not_taken(event, _Failure(**words, whole=whole, its_own=its_own, wish=answer.wish))
        self._pacing.went_well(event.account, event.id, _now())
        if 200 <= status < 300:
            self._counters[MirrorOutcome.POSTED].inc()
            return
        self._counters[MirrorOutcome.REFUSED].inc()
        _log.warning("mirror_refused", target=self._name, webhook_id=event.id, status=status)
        if self._settings.refused == "keep":
            raise Reject(f"refused_{status}")

    def _not_taken(self, event: WebhookReceived, failure: "_Failure") -> TryLater | Reject:
        """Return that the webhook is posted again, or that it is given up as the one to blame."""
        before = self._pacing.failures
        whole, its_own = failure.whole, failure.its_own
        pause = self._pacing.failed(event.id, failure.wish, _now(), whole=whole, its_own=its_own)
        if self._pacing.is_hopeless(event.id):
            self._pacing.forget(event.account, event.id)
            self._counters[MirrorOutcome.GIVEN_UP].inc()
            return Reject(f"failed_{failure.word}")
        self._counters[MirrorOutcome.POSTPONED].inc()
        failures = self._pacing.failures
        # Once for each doubling: while a handler is away it is asked for hours.
        if failures > before and failures & (failures - 1) == 0:
            fields = {"webhook_id": event.id, "what": failure.what, "failures": failures, "seconds": round(pause, 1)}
            _log.warning("mirror_postponed", target=self._name, **fields)
        return self._postponed(event, pause, failure.reason)

    def _rank(self, event: WebhookReceived) -> int:
        unproven = self._pacing.is_suspect(event.id) and not self._pacing.is_proven(event.id)
        return _LAST if unproven else to_millis(event.received_at)

    def _is_too_old(self, event: WebhookReceived) -> bool:
        limit = self._settings.max_age
        return 0 < limit < self._clock() - event.received_at.timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """Why a webhook was not taken: a word for the dead letter, and words for the log.

    `whole`: of the target, not of one webhook, by all appearance. `its_own`: it may be of this one all the same.
    `wish` is in seconds.
    """

    word: str
    what: str
    reason: str
    whole: bool
    its_own: bool
    wish: float | None = None


def _now() -> float:
    return asyncio.get_running_loop().time()
