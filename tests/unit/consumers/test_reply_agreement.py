"""What auto-reply confirms is what the book of consent holds, whatever came late: both on one state."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from consumers.auto_reply.consumer import ReplyParts, auto_reply
from consumers.auto_reply.guarding import horizon_of
from consumers.auto_reply.memory import ReplyMemory
from consumers.auto_reply.settings import AutoReplySettings, Rule
from consumers.consent.book import ConsentBook
from consumers.consent.publishing import written
from consumers.state.database import Database
from schemas.envelope import read_event
from schemas.events import ConsentChanged, SendRequested
from schemas.topics import COMMANDS
from schemas.vocabulary import Consent
from tests.support.consumers import MAIN, NOW, PERSON, Bench, delivered, inbound

SETTINGS = AutoReplySettings(
    rules=(
        Rule(name="bye", families=("stop",), reply="You get no more."),
        Rule(name="welcome", families=("start",), reply="Welcome back."),
    )
)
OUT, IN = Consent.OPTED_OUT, Consent.OPTED_IN
PROFILE = "profile:one"


@dataclass
class Counter:
    """A consumer that answers beside a book of consent; our number is in the scope PROFILE."""

    database: Database
    bench: Bench = field(default_factory=Bench)

    @property
    def book(self) -> ConsentBook:
        """The book."""
        return ConsentBook(self.database)

    async def note(self, consent: str, seconds: float, scope: str = PROFILE) -> None:
        """Note what the person said so many seconds after NOW."""
        await self.book.note(self.said(consent, seconds, scope))

    def said(self, consent: str, seconds: float, scope: str = PROFILE) -> ConsentChanged:
        """Return such a statement."""
        moment = NOW + timedelta(seconds=seconds)
        message = inbound(id=f"{consent}-{seconds}", message_id=None, occurred_at=moment, received_at=moment)
        return written(message, PERSON, consent, "", scope)

    async def write(self, text: str, **fields: Any) -> list[str | None]:
        """Let the person write at NOW, which is read 100 seconds later; return the rules that answered."""
        self.bench.now = NOW.timestamp() + 100
        parts = ReplyParts(
            settings=SETTINGS,
            log=self.bench.log,
            metrics=self.bench.metrics,
            clock=lambda: self.bench.now,
            memory=ReplyMemory(self.database, horizon_of(SETTINGS)),
            consents=self.book,
            scope_of=lambda _event: PROFILE,
        )
        await auto_reply(parts).handle(delivered(inbound(text=text, **fields)))
        found = [read_event(record).event for record in self.bench.log.on(COMMANDS.name)]
        return [event.rule for event in found if isinstance(event, SendRequested)]


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    """Give one with an open state."""
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await database.open()
    yield Counter(database)
    await database.close()


@pytest.mark.parametrize("known", [True, False])
async def test_a_start_that_is_older_than_the_stop_is_not_confirmed(counter: Counter, known: bool) -> None:
    """The person is out, whether the book has the late START already or not."""
    await counter.note(OUT, 60)
    if known:
        await counter.note(IN, 0)
    assert await counter.write("START") == []
    assert counter.bench.count("replies_total", outcome="opted_out", rule="") == 1
    assert not (await counter.book.may_text("main", PERSON, MAIN)).allowed


@pytest.mark.parametrize("known", [True, False])
async def test_a_stop_that_is_older_than_the_start_is_not_confirmed(counter: Counter, known: bool) -> None:
    """The person is in again."""
    await counter.note(IN, 60)
    if known:
        await counter.note(OUT, 0)
    assert await counter.write("STOP") == []
    assert counter.bench.count("replies_total", outcome="overtaken", rule="") == 1


@pytest.mark.parametrize("known", [True, False])
async def test_what_is_said_last_is_confirmed(counter: Counter, known: bool) -> None:
    """Whether the book has it already or not."""
    await counter.note(OUT, -60)
    if known:
        await counter.note(IN, 0)
    assert await counter.write("START") == ["welcome"]
    await counter.note(IN, 0)
    if known:
        await counter.note(OUT, 30)
    later = NOW + timedelta(seconds=30)
    assert await counter.write("STOP", message_id="next", occurred_at=later, received_at=later) == ["welcome", "bye"]


async def test_a_start_that_lifts_no_opt_out_of_ours_is_not_confirmed(counter: Counter) -> None:
    """What the company said of the whole account goes on to block; the person's own STOP would not."""
    await counter.note(OUT, -90, "account")
    await counter.note(OUT, -60)
    assert await counter.write("START") == []


async def test_an_opt_in_to_the_account_does_not_keep_a_stop_from_being_confirmed(counter: Counter) -> None:
    """An opt-in in one scope lifts no opt-out in another, so the person is out."""
    await counter.note(IN, 60, "account")
    assert await counter.write("STOP") == ["bye"]
