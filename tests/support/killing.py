"""People who ask all the time, consumers that are killed meanwhile, and what came of each question."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

import aiohttp
from sqlalchemy import Connection, func, select

from broker.log import Log
from consumers.auto_reply.deciding import ReplyOutcome
from consumers.state.database import Database
from consumers.state.schema import commands, replies
from schemas.envelope import read_event
from schemas.events import SendCompleted, SendRequested
from schemas.topics import COMMANDS, RESULTS
from schemas.vocabulary import SendOutcome
from tests.support.answering import Desk, Site, ask, digits
from tests.support.logs import read_all
from tests.support.site import Process, until

CONSUMERS = ("consume", "auto-reply", "send")
LONGEST_LIFE = 0.8
"""Seconds that a process lives at most once it is at work."""

AT_WORK_WITHIN = 60.0
Person = tuple[str, str]
"""Account and digits of the number."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: the calls to providers that the process had in hand, and the claims that were open just after it."""

    calls: int
    claims: frozenset[str]


@dataclass
class People:
    """Asks `rate` times a second, at each desk in turn, a new person each time. `asked` are those that were taken."""

    desks: Sequence[Desk]
    receiver: Process
    rate: float
    asked: list[Person] = field(default_factory=list[Person])
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Ask until stopped."""
        turn = 0
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            while not self.stopped.is_set():
                group.create_task(self._ask(session, self.desks[turn % len(self.desks)]))
                turn += 1
                await asyncio.sleep(1 / self.rate)

    async def _ask(self, session: aiohttp.ClientSession, desk: Desk) -> None:
        number, status = await ask(session, desk, self.receiver)
        assert 200 <= status < 300, f"the receiver said {status}"
        self.asked.append((desk.provider, digits(number)))


class Killer:
    """Kills the consumers of a site in turn, each a moment after it began to work, and starts them again at once."""

    def __init__(self, site: Site, database: Database, random: Random) -> None:
        self._site = site
        self._database = database
        self._random = random
        self._crew: list[tuple[str, Process]] = []
        self.kills: list[Kill] = []

    async def start(self, members: int) -> None:
        """Start so many processes side by side."""
        self._crew = [await self._site.begin(*CONSUMERS) for _ in range(members)]

    async def kill(self, times: int) -> None:
        """Kill so many times."""
        for _ in range(times):
            caller, process = self._crew.pop(0)
            await until(partial(self._works, caller, process), f"{caller} to work", AT_WORK_WITHIN)
            # The moment is what is at random; there is nothing to wait for.
            await asyncio.sleep(self._random.uniform(0, LONGEST_LIFE))
            calls = self._in_hand(caller)
            process.process.kill()
            self.kills.append(Kill(calls, frozenset(await self._database.run(_claimed))))
            self._crew.append(await self._site.begin(*CONSUMERS))
            assert await process.process.wait() == -9

    async def _works(self, caller: str, process: Process) -> bool:
        assert process.process.returncode is None, f"it ended by itself:\n{process.log.read_text()}"
        return any(desk.calls[caller] for desk in self._site.desks)

    def _in_hand(self, caller: str) -> int:
        return sum(desk.in_hand[caller] for desk in self._site.desks)


def _claimed(connection: Connection) -> list[str]:
    return list(connection.execute(select(commands.c.command_id).where(commands.c.state == "claimed")).scalars())


@dataclass(frozen=True, slots=True)
class Books:
    """What is on record in the end: the results of each person, silences with their reason, commands called twice.

    `given` and `told` count the records of commands and of results, with their repeats.
    """

    results: Mapping[Person, Sequence[SendCompleted]]
    silences: Mapping[Person, str]
    called_again: frozenset[str]
    given: int
    given_once: int
    told: int

    def missing(self, asked: Sequence[Person]) -> list[Person]:
        """Return those of whom nothing is recorded yet."""
        return [person for person in asked if person not in self.results and person not in self.silences]


async def read_books(log: Log, database: Database) -> Books:
    """Read what is on record now."""
    results = defaultdict[Person, list[SendCompleted]](list)
    told = [read_event(record).event for record in await read_all(log, RESULTS.name)]
    for event in told:
        assert isinstance(event, SendCompleted)
        results[event.account, digits(event.to or "")].append(event)
    given = [read_event(record).event for record in await read_all(log, COMMANDS.name)]
    assert all(isinstance(event, SendRequested) for event in given)
    return Books(
        results=dict(results),
        silences=await database.run(_silences),
        called_again=frozenset(await database.run(_called_again)),
        given=len(given),
        given_once=len({event.id for event in given}),
        told=len(told),
    )


def _silences(connection: Connection) -> dict[Person, str]:
    wanted = select(replies.c.account, replies.c.theirs, replies.c.outcome).where(
        replies.c.outcome != str(ReplyOutcome.REPLY)
    )
    return {(account, digits(theirs)): outcome for account, theirs, outcome in connection.execute(wanted)}


def _called_again(connection: Connection) -> list[str]:
    return list(connection.execute(select(commands.c.command_id).where(commands.c.calls > 1)).scalars())


async def settled(log: Log, database: Database, asked: Sequence[Person], patience: float) -> Books:
    """Wait until something is recorded of everybody who asked; return the books then."""
    end = time.monotonic() + patience
    while True:
        # The ledger is asked first: to read the whole log again and again would keep busy what is waited for.
        ended = await database.run(_ended)
        if ended >= len(asked):
            books = await read_books(log, database)
            if not books.missing(asked):
                return books
        assert time.monotonic() < end, f"{len(asked) - ended} of {len(asked)} without an end"
        await asyncio.sleep(0.25)


def _ended(connection: Connection) -> int:
    silent = select(func.count()).select_from(replies).where(replies.c.outcome != str(ReplyOutcome.REPLY))
    done = select(func.count()).select_from(commands).where(commands.c.result.is_not(None))
    return connection.execute(silent).scalar_one() + connection.execute(done).scalar_one()


def wrongs(site: Site, asked: Sequence[Person], books: Books) -> list[str]:
    """Return what is not as it must be: two texts to one question, or none without a recorded reason."""
    effects = {desk.provider: desk.effects for desk in site.desks}
    found = [
        f"{account} {number}: {word}"
        for account, number in asked
        for word in wrongs_of(account, effects[account][number], books.results.get((account, number), ()))
    ]
    strangers = {(a, n) for a, counted in effects.items() for n in counted} - set(asked)
    return found + [f"{account} {number}: a text, and no question" for account, number in strangers]


def wrongs_of(account: str, effects: int, results: Sequence[SendCompleted]) -> list[str]:
    """Return what is not as it must be with one question, given its texts and the records of its result."""
    outcomes = {(each.id, each.outcome, each.reason) for each in results}
    if not results:
        # Nothing was to be sent: the outcome of auto-reply is the reason.
        return [f"{effects} texts beside a silence"] if effects else []
    _, outcome, reason = next(iter(outcomes))
    checks: Sequence[tuple[bool, str]] = (
        (len(outcomes) == 1, f"results that differ: {outcomes}"),
        (effects <= 1, f"{effects} texts"),
        (effects == 1 or outcome != SendOutcome.SENT, "sent, and no text"),
        (effects == 1 or bool(reason), f"no text, {outcome}, and no reason"),
        (effects == 1 or account != "telnyx", f"no text although the key is known: {outcome}, {reason}"),
        (effects == 0 or outcome in {SendOutcome.SENT, SendOutcome.UNKNOWN}, f"a text, and {outcome}: {reason}"),
    )
    return [word for holds, word in checks if not holds]


def summary(kills: Sequence[Kill], asked: Sequence[Person], site: Site, books: Books, seconds: float) -> str:
    """Return the run in three lines."""
    ends = Counter(_end_of(account, results[0]) for (account, _), results in sorted(books.results.items()))
    texts = sum(desk.effects.total() for desk in site.desks)
    doubt = sum(results[0].outcome == SendOutcome.UNKNOWN for results in books.results.values())
    hit, calls = sum(bool(kill.calls) for kill in kills), sum(kill.calls for kill in kills)
    again, told_again = books.given - books.given_once, books.told - len(books.results)
    met = (
        f"{hit} kills met {calls} calls in hand, {sum(desk.lost for desk in site.desks)} of which had no effect; "
        f"{len(claims_hit(kills, books))} claims taken up after them, {again} commands given again, "
        f"{told_again} results told again"
    )
    lines = (
        f"{len(kills)} kills, {len(asked)} messages, {texts} replies, {doubt} in doubt, {seconds:.0f} s",
        met,
        ", ".join(f"{word}: {count}" for word, count in ends.items()),
    )
    return "\n".join(lines)


def _end_of(account: str, result: SendCompleted) -> str:
    return f"{account} {result.outcome}" + (f" ({result.reason})" if result.reason else "")


def claims_hit(kills: Sequence[Kill], books: Books) -> frozenset[str]:
    """Return the claims that were open at a kill, and that somebody had to take up after it."""
    return frozenset[str]().union(*(kill.claims for kill in kills)) & books.called_again
