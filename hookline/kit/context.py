"""What a handler is told beside the event, and how it answers."""

from dataclasses import dataclass, field
from datetime import datetime

from hookline.kit.answers import Answers, Text
from schemas.envelope import Delivered
from schemas.events import Event

WITHIN = 900.0
"""Seconds for which an answer is worth sending, where the handler says nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where an event came from, and a way to have texts sent.

    `id` is the event's, the same however often it comes: drop duplicates by it. `webhook_id` names the raw record that
    it came in, `time` is when it happened by the provider's clock, else when we received it. `attempt` is 1, and one
    more for each later round of tries; tries in quick succession count as one, and a `TryLater` adds none. `replay`
    tells that somebody plays the past again, which only a consumer with `replays=True` ever sees.
    """

    id: str
    account: str
    tenant: str | None
    webhook_id: str | None
    time: datetime
    attempt: int
    traceparent: str | None
    replay: bool
    _event: Event = field(repr=False)
    _answers: Answers = field(repr=False)

    async def reply(self, text: str, *, within: float | None = WITHIN) -> str | None:
        """Have the message answered; return the id of the command, None in a replay, where nothing is ever sent.

        A message gets one answer: a repeat of the event gives the same command, and so does another consumer that
        answers it, auto-reply among them. The text is not sent later than `within` seconds after the message was
        written. Raises ValueError for an event that nobody wrote, or an empty text.
        """
        return await self._answers.reply(self._event, text, within)

    async def send(
        self, *, to: str, text: str, from_: str | None = None, key: str = "", within: float | None = WITHIN
    ) -> str | None:
        """Have a text sent to `to`, through the event's account; return the id of the command, None in a replay.

        The id is made of the consumer's name, the event, `to` and `key`, so that a repeat of the event gives the same
        command, which is carried out once. A handler that sends one person several texts gives each a `key`. `from_`
        is our number; without it the provider chooses one, where it can. The text is not sent later than `within`
        seconds after the event; with None at any time. Raises ValueError for a second text under one key, or an empty
        one.
        """
        return await self._answers.send(self._event, Text(to=to, text=text, from_=from_, within=within), key)


def context_of(delivered: Delivered, answers: Answers, attempt: int) -> Context:
    """Return the context of an event that was delivered."""
    envelope, event = delivered.envelope, delivered.event
    return Context(
        id=event.id,
        account=event.account,
        tenant=event.tenant,
        webhook_id=envelope.webhook_id,
        time=envelope.time or event.occurred_at or event.received_at,
        attempt=attempt,
        traceparent=envelope.traceparent,
        replay=envelope.replay_id is not None,
        _event=event,
        _answers=answers,
    )
