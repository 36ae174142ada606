"""The messages of one account: which are open, what the provider says of them, and what of that is news.

What it says becomes a raw record with `ingress` = poll and events, as everything that is polled. It goes into the log,
and nowhere else: track merges it there like any other news. An answer that would change nothing is not stored.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from consumers.state.database import Database
from consumers.track import table
from consumers.track.merging import Standing
from consumers.track.places import Place, sighting_of, whole
from hookline.reconciling.pace import Pace, is_about_the_question, pause_after
from ingest.draining import Tools
from ingest.normalizing import events_of
from ingest.polls import webhook_of
from providers.contract import Account
from providers.registry import provider
from providers.rest.errors import ApiError
from providers.roles import Lookup, Polled
from schemas.envelope import Envelope
from schemas.events import Event
from schemas.times import Clock, from_clock
from schemas.vocabulary import Ingress
from schemas.webhook import Webhook

CALL_WAIT = 120.0
"""Seconds that one question may take, the retries of its calls included."""

STORE_WAIT = 10.0
_PAGE = 200

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Tally:
    """What came of one account's messages.

    Of those that were asked about, `changed` had news and `ended` of them are final now; `open` stand as they stood;
    `gone` are unknown to the provider; `failed` could not be asked. `left` were not asked any more, for the reason in
    `stopped`.
    """

    asked: int = 0
    changed: int = 0
    ended: int = 0
    open: int = 0
    gone: int = 0
    failed: int = 0
    left: int = 0
    stopped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which messages are asked about: first heard of from `since_ms` up to and without `before_ms`, Unix ms."""

    since_ms: int
    before_ms: int


class StoppedError(Exception):
    """The account is left for another time; the text says why."""


@dataclass(frozen=True, slots=True)
class AccountRun:
    """Asks about the open messages of one account."""

    account: Account
    lookup: Lookup
    database: Database
    tools: Tools
    pace: Pace
    clock: Clock
    tally: Tally = field(default_factory=Tally)

    async def run(self, span: Span) -> Tally:
        """Ask about every open message of the span, until all are done or the account has to be left."""
        async for message_id in open_ids(self.database, self.account.name, span):
            if self.tally.stopped is not None:
                self.tally.left += 1
                continue
            try:
                await self._reconcile(message_id)
            except StoppedError as reason:
                self.tally.left += 1
                self.tally.stopped = str(reason)
        return self.tally

    async def _reconcile(self, message_id: str) -> None:
        try:
            found = await self._ask(message_id)
        except (ApiError, TimeoutError) as error:
            if not is_about_the_question(error):
                raise StoppedError(_words(error)) from error
            _log.warning("message_not_asked", account=self.account.name, message_id=message_id, what=_words(error))
            self.tally.asked += 1
            self.tally.failed += 1
            return
        self.tally.asked += 1
        if found is None:
            self.tally.gone += 1
            return
        await self._publish(found)

    async def _ask(self, message_id: str) -> Sequence[Polled] | None:
        waits = 0
        while True:
            await self.pace.turn()
            try:
                async with asyncio.timeout(CALL_WAIT):
                    return await self.lookup.look_up(message_id)
            except (ApiError, TimeoutError) as error:
                waits += 1
                pause = pause_after(error, waits)
                if pause is None:
                    raise
                _log.info("provider_asks_to_wait", account=self.account.name, seconds=round(pause, 1))
            await asyncio.sleep(pause)

    async def _publish(self, found: Sequence[Polled]) -> None:
        changed = ended = False
        for item in found:
            webhook = webhook_of(self.account, item, from_clock(self.clock))
            events = events_of(provider(self.account.provider), self.account, webhook, webhook.id, self.tools.metrics)
            news = await self._news(webhook, events)
            if news:
                await self._store(webhook, events)
                changed = True
                ended = ended or any(one.final for one in news.values())
        self.tally.changed += changed
        self.tally.ended += ended
        self.tally.open += not changed

    async def _news(self, webhook: Webhook, events: Sequence[Event]) -> Mapping[Place, Standing]:
        """Return what of the answer is greater than what the table says."""
        told: dict[Place, Standing] = {}
        for event in events:
            sighting = sighting_of(event, _envelope(event, webhook.id))
            told |= {} if sighting is None else sighting.standings
        rows = await self.database.run(lambda connection: table.rows_of(connection, told))
        return {place: one for place, one in told.items() if place not in rows or one > rows[place].standing}

    async def _store(self, webhook: Webhook, events: Sequence[Event]) -> None:
        outcome = await self.tools.publisher.publish(webhook, events, STORE_WAIT, webhook_id=webhook.id)
        if not outcome.durable:
            raise StoppedError(f"the log did not take what was found ({outcome.value})")


async def open_ids(database: Database, account: str, span: Span) -> AsyncIterator[str]:
    """Yield the ids of messages without a final state, the oldest first."""
    mark = table.Mark(span.since_ms)
    while True:
        page = partial(table.open_messages, after=mark, before_ms=span.before_ms, account=account, limit=_PAGE)
        marks = await database.run(page)
        if not marks:
            return
        ids = [one.message_id for one in marks]
        rows = await database.run(partial(table.states_of, ids=ids, account=account))
        still = _open_of({row.place: row.standing for row in rows})
        for one in ids:
            if one in still:
                yield one
        mark = marks[-1]


def _open_of(standings: Mapping[Place, Standing]) -> frozenset[str]:
    """Return the messages of which a recipient has no final state, what was said of all of them included."""
    by_message: dict[str, dict[Place, Standing]] = {}
    for place, one in standings.items():
        by_message.setdefault(place.message_id, {})[place] = one
    return frozenset(
        message_id
        for message_id, found in by_message.items()
        if any(not one.final and not one.through for one in whole(found).values())
    )


def _envelope(event: Event, webhook_id: str) -> Envelope:
    return Envelope(
        id=event.id, type=event.TYPE, source="", time=None, webhook_id=webhook_id, ingress=Ingress.POLL.value
    )


def _words(error: ApiError | TimeoutError) -> str:
    """Return what an error says; those of the API name the operation and a code, never a number or a text."""
    return str(error) if isinstance(error, ApiError) else f"no answer within {CALL_WAIT:g} s"
