"""What is there of a person, and its end: looked up first, the same for a trial and for the deed."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

from broker.log import Log
from consumers.consent.book import ConsentBook
from consumers.consent.publishing import Owner, statement_record
from consumers.forgetting.keys import PARTS, keys_of, lost_opt_outs
from consumers.forgetting.person import InState, OnTopic, Person, tombstones
from consumers.forgetting.rows import forget, look
from consumers.state.database import Database
from hookline.configuration.config import Config
from hookline.errors import CommandError
from hookline.opened_log import opened_log
from hookline.opened_state import opened_state, state_exists
from hookline.spooling import reading
from hookline.topics import all_topics, log_exists
from ingest.settings import SpoolSettings
from schemas.records import Record
from schemas.topics import Topic

_AT_ONCE = 500
_APPEND_WAIT = 60.0
_NOTHING = InState(rows={})
_JOURNAL_TRIES = 10
_JOURNAL_PAUSE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What goes. `state` and `topics` are None where there is no state, or no log, to look at."""

    person: Person
    now: float
    state: InState | None
    topics: Sequence[OnTopic] | None


@dataclass(frozen=True, slots=True)
class Done:
    """How many rows went by table. With `journal_left` SQLite's write-ahead file may still have what they held."""

    rows: Mapping[str, int]
    journal_left: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """What waits on this host's disk: whose it is cannot be told without reading bodies, so all is counted."""

    place: str
    records: int
    set_aside: int


class Eraser:
    """The log and the state, open, and one person. To be used as a context."""

    def __init__(self, config: Config, person: Person) -> None:
        self._config = config
        self._person = person
        self._stack = AsyncExitStack()
        self._log: Log | None = None
        self._database: Database | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            if await asyncio.to_thread(log_exists, self._config.broker):
                self._log = await stack.enter_async_context(opened_log(self._config))
            if await asyncio.to_thread(state_exists, self._config):
                self._database = await stack.enter_async_context(opened_state(self._config))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stack.aclose()

    async def plan(self) -> Plan:
        """Look at everything, change nothing. Raises LogError, StateError."""
        now = time.time()
        state = topics = None
        if self._database is not None:
            state = await self._database.run(lambda connection: look(connection, self._person, now))
        if self._log is not None:
            topics = await keys_of(self._log, self._person, state or _NOTHING)
        return Plan(person=self._person, now=now, state=state, topics=topics)

    async def carry_out(self, plan: Plan) -> Done:
        """Write the tombstones, then delete the rows. Raises LogError, StateError.

        In this order: what is left by a crash between the two is found again by its rows. Then the topics are looked at
        once more: what came to them meanwhile has lost its rows too, or was kept and lost its record to a tombstone.
        """
        if self._log is not None:
            await _append(self._log, tombstones(plan.topics or (), int(plan.now * 1000)))
        if self._database is None:
            return Done({})
        rows = await self._database.run(lambda connection: forget(connection, self._person, plan.now))
        if self._log is not None:
            await self._follow(self._log, self._database, plan.now)
        return Done(rows, journal_left=not await self._journal_emptied(self._database))

    async def _follow(self, log: Log, database: Database, now: float) -> None:
        state = await database.run(lambda connection: look(connection, self._person, now))
        await _append(log, tombstones(await keys_of(log, self._person, state), int(now * 1000)))
        if not self._person.keeps_opt_out:
            return
        lost = await lost_opt_outs(log, self._person, state)
        counting = await ConsentBook(database).counting(self._person.number, self._person.account)
        records = [statement_record(each, self._owner(each.account)) for each in counting]
        await _append(log, [record for record in records if record.key in lost])

    def _owner(self, account: str) -> Owner:
        found = self._config.accounts.get(account)
        return Owner("", None) if found is None else Owner(found.provider, found.tenant)

    @staticmethod
    async def _journal_emptied(database: Database) -> bool:
        """Try for a moment: whoever reads just now keeps the file."""
        for _ in range(_JOURNAL_TRIES):
            if await database.empty_journal():
                return True
            await asyncio.sleep(_JOURNAL_PAUSE)
        return False


async def _append(log: Log, records: Sequence[Record]) -> None:
    for start in range(0, len(records), _AT_ONCE):
        await log.append_many(records[start : start + _AT_ONCE], _APPEND_WAIT)


def spooled(settings: SpoolSettings) -> Spooled | None:
    """Return what the spool holds, None where there is nothing in it. Blocks."""
    with contextlib.suppress(CommandError):
        if reading.is_there(settings):
            found = reading.survey(settings)
            if found.records or found.set_aside:
                return Spooled(place=found.root, records=found.records, set_aside=len(found.set_aside))
    return None


def left_to_time() -> tuple[Topic, ...]:
    """Return the topics whose records nothing but their age removes."""
    return tuple(topic for topic in all_topics() if topic not in PARTS)
