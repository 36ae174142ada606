"""Auto-reply that dies at every one of its steps, and is started again."""

from dataclasses import dataclass
from typing import Any

import pytest

from consumers.auto_reply.consumer import ReplyParts, auto_reply
from consumers.auto_reply.deciding import Decision
from consumers.auto_reply.guarding import Judge, Noted, Settled, horizon_of
from consumers.auto_reply.memory import ReplyMemory
from consumers.auto_reply.settings import AutoReplySettings, Rule
from consumers.consent.permission import Permission
from consumers.state.database import Database
from schemas.envelope import read_event
from schemas.events import ConsentChanged, SendRequested
from schemas.topics import COMMANDS
from tests.support.consumers import PERSON, Bench, delivered, inbound
from tests.support.replying import WrittenConsents

SETTINGS = AutoReplySettings(
    rules=(Rule(name="bye", families=("stop",), reply="You get no more."),),
    default_reply="Hello, it is {occurred_at}.",
    rate=1,
    same_text=1,
)


class CrashError(BaseException):
    """The process is gone: nothing catches it."""


@dataclass
class Steps:
    """Counts the steps, and crashes at one of them."""

    crash_at: int
    taken: int = 0

    def take(self) -> None:
        """Take a step."""
        self.taken += 1
        if self.taken == self.crash_at:
            raise CrashError


# Whoever is confirmed something is asked about once more: whether the book will say the same.
STEPS = {"hello": 6, "stop": 8}


@dataclass
class CrashingConsents:
    """A book that is asked between two steps."""

    steps: Steps
    book: WrittenConsents

    async def may_text(
        self, account: str, number: str, sender: str | None, said: ConsentChanged | None = None
    ) -> Permission:
        """Ask."""
        self.steps.take()
        found = await self.book.may_text(account, number, sender, said)
        self.steps.take()
        return found


@dataclass
class CrashingMemory:
    """A memory that notes between two steps."""

    steps: Steps
    memory: ReplyMemory

    async def settle(self, note: Noted, decision: Decision, judge: Judge) -> Settled:
        """Note."""
        self.steps.take()
        found = await self.memory.settle(note, decision, judge)
        self.steps.take()
        return found


@dataclass
class CrashingLog:
    """A log that stores between two steps."""

    steps: Steps
    log: Any

    async def append(self, *arguments: Any) -> Any:
        """Store."""
        self.steps.take()
        found = await self.log.append(*arguments)
        self.steps.take()
        return found


async def _handle(bench: Bench, database: Database, book: WrittenConsents, text: str, crash_at: int) -> int:
    """Handle a message in a process that may die; return how many steps it took."""
    steps = Steps(crash_at)
    log: Any = CrashingLog(steps, bench.log)
    parts = ReplyParts(
        settings=SETTINGS,
        log=log,
        metrics=Bench().metrics,
        clock=lambda: bench.now,
        memory=CrashingMemory(steps, ReplyMemory(database, horizon_of(SETTINGS))),
        consents=CrashingConsents(steps, book),
    )
    await auto_reply(parts).handle(delivered(inbound(text=text)))
    return steps.taken


@pytest.mark.parametrize(
    ("text", "crash_at"), [(text, step) for text, steps in STEPS.items() for step in range(1, steps + 1)]
)
async def test_a_crash_at_any_step_leaves_one_command(
    bench: Bench, database: Database, text: str, crash_at: int
) -> None:
    """The message comes again, twice: no second answer, and its own first one is no reason against it."""
    book = WrittenConsents()
    with pytest.raises(CrashError):
        await _handle(bench, database, book, text, crash_at)
    # The book of consents is quicker the second time.
    if text == "stop":
        book.opt_out(PERSON, inbound().received_at)
    bench.now += 60
    for _ in range(2):
        assert await _handle(bench, database, book, text, 0) == STEPS[text]
    found = [read_event(record).event for record in bench.log.on(COMMANDS.name)]
    assert len({(event.id, event.text, event.expires_at) for event in found if isinstance(event, SendRequested)}) == 1
