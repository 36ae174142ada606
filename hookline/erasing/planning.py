"""What is there of a person, and its end: looked up first, the same for a trial and for the deed."""

import asyncio
import contextlib
import time
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

from broker.log import Log
from consumers.consent.book import ConsentBook
from consumers.consent.publishing import Owner, statement_record
from consumers.consent.statement import Statement, counting
from consumers.forgetting.keys import PARTS, OnTopics, keys_of
from consumers.forgetting.person import InState, Person, tombstones
from consumers.forgetting.rows import forget, look
from consumers.state.database import Database
from hookline.configuration.config import Config
from hookline.errors import CommandError
from hookline.opened_log import check_topics, opened_log
from hookline.opened_state import opened_state, state_exists
from hookline.spooling import reading
from hookline.topics import all_topics, log_exists
from ingest.settings import SpoolSettings
from schemas.records import Record
from schemas.topics import Topic

_AT_ONCE = 500
_APPEND_WAIT = 60.0
_NOTHING = InState(rows={})
_PASSES = 3
_IN_HAND = 0.5
"""Seconds in which a consumer that works has noted what it had in hand."""

_JOURNAL_TRIES = 10
_JOURNAL_PAUSE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What goes. `state` and `topics` are None where there is no state, or no log, to look at."""

    person: Person
    now: float
    state: InState | None
    topics: OnTopics | None

    @property
    def opt_outs(self) -> frozenset[bytes]:
        """The opt-outs that count: the topic tells those that the state does not know, or not yet."""
        return self.topics.opt_outs if self.topics else self.state.opt_outs if self.state else frozenset()


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
                # Without them nothing would say that the rows that go are to stay away.
                await check_topics(self._config, self._log, *PARTS)
            if await asyncio.to_thread(state_exists, self._config):
                self._database = await stack.enter_async_context(opened_state(self._config))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stack.aclose()

    async def plan(self) -> Plan:
        """Look at everything, change nothing. Raises LogError, StateError."""
        now = time.time()
        state = await self._look(now)
        topics = None if self._log is None else await keys_of(self._log, self._person, state or _NOTHING)
        return Plan(person=self._person, now=now, state=state, topics=topics)

    async def carry_out(self, plan: Plan) -> Done:
        """Write the tombstones, then delete the rows. Raises LogError, StateError.

        In this order: what is left by a crash between the two is found again by its rows. Then all of it is done once
        more, until nothing is found: what came meanwhile has lost its record, or its rows, and no consumer that works
        has it in hand any more. What a run that was cut off has overtaken, and not told again, is told first.
        """
        await self._tell_lost(plan.topics)
        rows = Tally[str]()
        topics = plan.topics
        for _ in range(_PASSES):
            written = await self._bury(topics)
            deleted = await self._deleted(plan)
            rows.update(deleted)
            if not (written or any(deleted.values())):
                break
            await asyncio.sleep(_IN_HAND)
            topics = await self._overtaken(plan)
        else:
            # The last look may have found more; who still works brings rows back, as the output tells.
            await self._bury(topics)
        if self._database is None:
            return Done({})
        return Done(rows, journal_left=not await self._journal_emptied(self._database))

    async def _look(self, now: float) -> InState | None:
        if self._database is None:
            return None
        return await self._database.run(lambda connection: look(connection, self._person, now))

    async def _deleted(self, plan: Plan) -> Mapping[str, int]:
        if self._database is None:
            return {}
        return await self._database.run(lambda connection: forget(connection, self._person, plan.now))

    async def _bury(self, topics: OnTopics | None) -> bool:
        """Write the tombstones; tell whether there were any."""
        # Of now: whoever fills a table anew passes over what was received before them.
        records = tombstones(topics.found if topics else (), int(time.time() * 1000))
        if self._log is not None:
            await _append(self._log, records)
        return bool(records)

    async def _overtaken(self, plan: Plan) -> OnTopics | None:
        """Look at the topics again, and tell those opt-outs once more that a tombstone of ours has overtaken."""
        if self._log is None or plan.topics is None:
            return None
        state = await self._look(plan.now)
        topics = await keys_of(self._log, self._person, state or _NOTHING, plan.topics.ends)
        await self._tell_lost(topics)
        return topics

    async def _tell_lost(self, topics: OnTopics | None) -> None:
        """Tell those opt-outs once more that are kept and that the topic has no record of."""
        if self._log is None or topics is None or not self._person.keeps_opt_out:
            return
        lost = await self._statements(topics.lost)
        await _append(self._log, [statement_record(each, self._owner(each.account)) for each in lost])

    async def _statements(self, lost: Mapping[bytes, Statement | None]) -> Sequence[Statement]:
        """Return what counts of lost opt-outs, by the state or by the topic."""
        said = [each for each in lost.values() if each is not None]
        if self._database is not None:
            said += await ConsentBook(self._database).counting(self._person.number, self._person.account)
        found = (counting(each for each in said if each.key == key) for key in lost)
        return [each for each in found if each is not None]

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
