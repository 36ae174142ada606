"""Texts that a handler wants sent: commands whose ids are made of what led to them, so that repeats are one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.log import Log
from consumers.commands import reply_command_id
from schemas.envelope import Envelope, event_to_record
from schemas.events import Event, InboundMessage, SendRequested
from schemas.ids import digest_id
from schemas.times import Clock, from_clock
from schemas.vocabulary import EventType

APPEND_WAIT = 10.0
"""Seconds that a command may take to be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text to send. `within` is in seconds from the event on, None for no end."""

    to: str
    text: str
    within: float | None
    from_: str | None = None
    sender_id: str | None = None
    in_reply_to: str | None = None


class Answers:
    """What one call of a handler has sent so far."""

    def __init__(self, consumer: str, envelope: Envelope, log: Log, clock: Clock) -> None:
        self._consumer = consumer
        self._envelope = envelope
        self._log = log
        self._clock = clock
        self._given: set[str] = set()

    async def reply(self, event: Event, text: str, within: float | None) -> str | None:
        """Answer a message; see `Context.reply`."""
        if not isinstance(event, InboundMessage) or not event.from_:
            raise ValueError(f"{type(event).__name__} {event.id}: nobody wrote it who could be answered")
        answer = Text(
            to=event.from_,
            text=text,
            within=within,
            from_=event.to,
            sender_id=event.sender_id,
            in_reply_to=event.message_id,
        )
        return await self._give(event, answer, reply_command_id(event))

    async def send(self, event: Event, text: Text, key: str) -> str | None:
        """Send a text; see `Context.send`."""
        if not text.to:
            raise ValueError("a text has to go to somebody: `to` is empty")
        identity = digest_id(event.account, EventType.SEND_REQUESTED, self._consumer, event.id, text.to, key)
        return await self._give(event, text, identity)

    async def _give(self, event: Event, text: Text, identity: str) -> str | None:
        if not text.text:
            raise ValueError("an empty text cannot be sent")
        if identity in self._given:
            raise ValueError("a second text for the same person and event: give each a key of its own")
        if self._envelope.replay_id is not None:
            return None
        command = self._command(event, text, identity)
        envelope = self._envelope
        record = event_to_record(command, webhook_id=envelope.webhook_id, traceparent=envelope.traceparent)
        await self._log.append([record], APPEND_WAIT)
        self._given.add(identity)
        return identity

    def _command(self, event: Event, text: Text, identity: str) -> SendRequested:
        return SendRequested(
            id=identity,
            provider=event.provider,
            account=event.account,
            tenant=event.tenant,
            received_at=from_clock(self._clock),
            from_=text.from_,
            to=text.to,
            text=text.text,
            sender_id=text.sender_id,
            in_reply_to=text.in_reply_to,
            cause=event.id,
            cause_at=_moment(event),
            rule=self._consumer,
            expires_at=_expiry(event, text.within),
        )


def _expiry(event: Event, within: float | None) -> datetime | None:
    if within is None:
        return None
    return _moment(event) + timedelta(seconds=within)


def _moment(event: Event) -> datetime:
    # A provider whose clock is ahead of ours does not lengthen the time.
    return min(event.occurred_at or event.received_at, event.received_at)
