"""The messages of one account: which are open, what the provider says of them, and what of that is news.

What it says becomes a raw record with `ingress` = poll and events, as everything that is polled. It goes into the log,
and nowhere else: track merges it there like any other news. An answer that would change nothing is not stored, and one
about another message is none. That the provider has no such message is noted in the state, and nobody asks again.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy import Connection

from consumers.state.database import Database
from consumers.track import table, unfinished
from consumers.track.merging import Standing
from consumers.track.places import Place, Sighting, sighting_of, standings_by_message
from consumers.track.states import StateRow
from consumers.track.unfinished import Mark, Span
from hookline.reconciling.pace import Pace, Patience, is_about_the_question, is_fault
from ingest.draining import Tools
from ingest.normalizing import events_of
from ingest.polls import webhook_of
from providers.contract import Account
from providers.registry import provider
from providers.rest.errors import ApiError, UnreadableAnswerError
from providers.roles import Lookup, Polled
from schemas.envelope import Envelope
from schemas.events import Event
from schemas.times import Clock, from_clock, to_millis
from schemas.vocabulary import Ingress
from schemas.webhook import Webhook

CALL_WAIT = 120.0
"""Seconds that one question may take, the retries of its calls included."""

STORE_WAIT = 10.0

MOST_PROBES = 3
"""Of the youngest messages, those that are asked about before an account is left where the oldest get no answer."""

_PAGE = 200

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Tally:
    """What came of one account's messages.

    Of those that were asked about, `changed` had news and `ended` of them are final now; `open` stand as they stood, or
    were erased meanwhile; `gone` are unknown to the provider; `failed` could not be asked. `left` were not asked any
    more, for the reason in `stopped`.
    """

    asked: int = 0
    changed: int = 0
    ended: int = 0
    open: int = 0
    gone: int = 0
    failed: int = 0
    left: int = 0
    stopped: str | None = None

    @property
    def knew_none(self) -> bool:
        """Whether the provider said of every message that there is none: it may well be the wrong provider."""
        return 0 < self.asked == self.gone


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
    patience: Patience = field(default_factory=Patience)
    tally: Tally = field(default_factory=Tally)
    met: set[str] = field(default_factory=set[str])

    async def run(self, span: Span) -> Tally:
        """Ask about every open message of the span, until all are done or the account has to be left."""
        async for message_id in open_ids(self.database, self.account.name, span):
            if message_id in self.met:
                continue
            if self.tally.stopped is not None:
                self.tally.left += 1
                continue
            try:
                await self._reconcile(message_id, span)
            except StoppedError as reason:
                self.tally.left += 1
                self.tally.stopped = str(reason)
        return self.tally

    async def _reconcile(self, message_id: str, span: Span) -> None:
        try:
            await self._settle(message_id)
        except (ApiError, TimeoutError) as error:
            if self.patience.is_over(error) and not (is_fault(error) and await self._answers_others(message_id, span)):
                raise StoppedError(_words(error)) from error
            self._note_failed(message_id, error)

    async def _answers_others(self, but: str, span: Span) -> bool:
        """Ask about some of the youngest messages: those in a row may all be at fault, in this run and in the next."""
        youngest = partial(_youngest, account=self.account.name, span=span)
        untold = [one for one in await self.database.run(youngest) if one not in self.met and one != but]
        for message_id in untold[:MOST_PROBES]:
            try:
                await self._settle(message_id)
            except (ApiError, TimeoutError) as error:
                if not (is_fault(error) or is_about_the_question(error)):
                    return False
                self._note_failed(message_id, error)
            else:
                return True
        return False

    def _note_failed(self, message_id: str, error: ApiError | TimeoutError) -> None:
        _log.warning("message_not_asked", account=self.account.name, message_id=message_id, what=_words(error))
        self._count(message_id)
        self.tally.failed += 1

    def _count(self, message_id: str) -> None:
        self.met.add(message_id)
        self.tally.asked += 1

    async def _settle(self, message_id: str) -> None:
        """Ask about a message and see to what is said of it. Raises ApiError, TimeoutError, StoppedError."""
        found = await self._ask(message_id)
        self.patience.answered()
        said = None if found is None else self._read(message_id, found)
        if said is None:
            await self._note_gone(message_id)
        elif not await self._is_known(message_id):
            # Erased since it was met: to store what is said of it would bring the person back.
            self.tally.open += 1
        else:
            found_it = partial(unfinished.note_found, account=self.account.name, message_id=message_id)
            await self.database.run(found_it)
            await self._publish(said)
        # Not before: where the log does not take it the message is left, and asked about another time.
        self._count(message_id)

    async def _is_known(self, message_id: str) -> bool:
        look = partial(table.states_of, ids=[message_id], account=self.account.name)
        return bool(await self.database.run(look))

    async def _ask(self, message_id: str) -> Sequence[Polled] | None:
        waits = 0
        while True:
            await self.pace.turn()
            try:
                async with asyncio.timeout(CALL_WAIT):
                    return await self.lookup.look_up(message_id)
            except (ApiError, TimeoutError) as error:
                waits += 1
                pause = self.patience.pause_after(error, waits)
                if pause is None:
                    raise
                _log.info("provider_asks_to_wait", account=self.account.name, seconds=round(pause, 1))
            await asyncio.sleep(pause)

    def _read(self, message_id: str, found: Sequence[Polled]) -> "Sequence[_Said]":
        """Return what the answer says of the message that was asked about. Raises UnreadableAnswerError for nothing."""
        said: list[_Said] = []
        for item in found:
            webhook = webhook_of(self.account, item, from_clock(self.clock))
            events = events_of(provider(self.account.provider), self.account, webhook, webhook.id, self.tools.metrics)
            sightings = [one for event in events if (one := sighting_of(event, _envelope(event, webhook.id)))]
            if any(message_id in {one.note.message_id, one.note.request_id} for one in sightings):
                said.append(_Said(webhook, events, sightings))
        if not said:
            raise UnreadableAnswerError("look_up: the answer says nothing of the message that was asked about")
        return said

    async def _note_gone(self, message_id: str) -> None:
        self.tally.gone += 1
        at_ms = to_millis(from_clock(self.clock))
        note = partial(unfinished.note_gone, account=self.account.name, message_id=message_id, at_ms=at_ms)
        await self.database.run(note)

    async def _publish(self, said: "Sequence[_Said]") -> None:
        changed = ended = False
        for one in said:
            news = await self._news(one.sightings)
            if news:
                await self._store(one.webhook, one.events)
                changed = True
                ended = ended or any(standing.final for standing in news.values())
        self.tally.changed += changed
        self.tally.ended += ended
        self.tally.open += not changed

    async def _news(self, sightings: Sequence[Sighting]) -> Mapping[Place, Standing]:
        """Return what of the answer is greater than what the table says."""
        told: dict[Place, Standing] = {}
        for sighting in sightings:
            told |= sighting.standings
        rows = await self.database.run(lambda connection: table.rows_of(connection, told))
        return {place: one for place, one in told.items() if place not in rows or one > rows[place].standing}

    async def _store(self, webhook: Webhook, events: Sequence[Event]) -> None:
        outcome = await self.tools.publisher.publish(webhook, events, STORE_WAIT, webhook_id=webhook.id)
        if not outcome.durable:
            raise StoppedError(f"the log did not take what was found ({outcome.value})")


@dataclass(frozen=True, slots=True)
class _Said:
    """One item of an answer, as it is stored and as track sees it."""

    webhook: Webhook
    events: Sequence[Event]
    sightings: Sequence[Sighting]


async def open_ids(database: Database, account: str, span: Span) -> AsyncIterator[str]:
    """Yield each id of a message without a final state once, the oldest first."""
    mark = Mark(span.since_ms)
    # Messages with a recipient of whom we heard later than of the page's last row: they are met again.
    ahead: set[str] = set()
    while True:
        look = partial(_page, account=account, after=mark, span=span)
        marks, rows = await database.run(look)
        if not marks:
            return
        still = _open_of(rows)
        for one in dict.fromkeys(found.message_id for found in marks):
            if one in still and one not in ahead:
                yield one
        mark = marks[-1]
        ahead |= {row.place.message_id for row in rows if row.first_ms >= mark.first_ms}


def _youngest(connection: Connection, account: str, span: Span) -> Sequence[str]:
    """Return the youngest messages without a final state, the youngest first."""
    marks = unfinished.youngest_rows(connection, account, span, _PAGE)
    still = _open_of(table.states_of(connection, list({one.message_id for one in marks}), account))
    return [one for one in dict.fromkeys(found.message_id for found in marks) if one in still]


def _page(connection: Connection, account: str, after: Mark, span: Span) -> tuple[Sequence[Mark], Sequence[StateRow]]:
    """Return the next open rows, and all the rows of their messages."""
    found = unfinished.open_rows(connection, account, span, after, _PAGE)
    return found, table.states_of(connection, list({one.message_id for one in found}), account)


def _open_of(rows: Sequence[StateRow]) -> frozenset[str]:
    """Return the messages of which a recipient has no final state, what was said of all of them included."""
    return frozenset(
        place.message_id
        for found in standings_by_message({row.place: row.standing for row in rows})
        for place, one in found.items()
        if not one.final and not one.through
    )


def _envelope(event: Event, webhook_id: str) -> Envelope:
    return Envelope(
        id=event.id, type=event.TYPE, source="", time=None, webhook_id=webhook_id, ingress=Ingress.POLL.value
    )


def _words(error: ApiError | TimeoutError) -> str:
    """Return what an error says; those of the API name the operation and a code, never a number or a text."""
    return str(error) if isinstance(error, ApiError) else f"no answer within {CALL_WAIT:g} s"
