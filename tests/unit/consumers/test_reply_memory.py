"""Auto-reply with its memory in the state, on both databases."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import Connection, select

from broker.log import LogUnavailableError
from consumers.auto_reply.consumer import ReplyParts, auto_reply
from consumers.auto_reply.deciding import Decision, ReplyOutcome
from consumers.auto_reply.guarding import Conversation, Noted, Settled, horizon_of
from consumers.auto_reply.memory import ReplyMemory
from consumers.auto_reply.settings import AutoReplySettings, Rule
from consumers.consumer import TryLater
from consumers.state.database import Database, StateError, StateValueError
from consumers.state.retention import REPLIES_KEPT, prune
from consumers.state.schema import replies
from schemas.envelope import read_event
from schemas.events import MessageReceived, SendRequested
from schemas.topics import COMMANDS, INBOUND
from tests.support.consumers import NOW, PERSON, Bench, delivered, inbound, until
from tests.support.replying import WrittenConsents

SETTINGS = AutoReplySettings(
    rules=(
        Rule(name="bye", families=("stop",), reply="You get no more."),
        Rule(name="welcome", families=("start",), reply="Welcome back."),
        Rule(name="help", families=("help",), reply="We are Acme."),
        Rule(name="hours", keywords=("hours",), reply="Open 9 to 17."),
    ),
    default_reply="Hello.",
)


@dataclass
class Desk:
    """A consumer that answers, with its state; each message comes a second after the one before."""

    bench: Bench
    database: Database
    consents: WrittenConsents
    settings: AutoReplySettings = SETTINGS
    written: int = 0

    async def handle(self, event: MessageReceived) -> None:
        """Handle an event as a process does that was just started."""
        memory = ReplyMemory(self.database, horizon_of(self.settings))
        parts = ReplyParts(
            settings=self.settings,
            log=self.bench.log,
            metrics=self.bench.metrics,
            clock=lambda: self.bench.now,
            memory=memory,
            consents=self.consents,
        )
        await auto_reply(parts).handle(delivered(event))

    def message(self, text: str, **fields: Any) -> MessageReceived:
        """Return a message of now."""
        self.written += 1
        self.bench.now += 1
        now = NOW + timedelta(seconds=self.bench.now - NOW.timestamp())
        return inbound(self.written, text=text, occurred_at=now, received_at=now, **fields)

    async def write(self, text: str, **fields: Any) -> str:
        """Write a message; return what was decided."""
        event = self.message(text, **fields)
        await self.handle(event)
        return await self.outcome(event)

    async def outcome(self, event: MessageReceived) -> str:
        """Return what is noted about a message."""
        found = await self.database.run(_outcomes)
        return found[event.received_at.timestamp()]

    @property
    def commands(self) -> list[SendRequested]:
        """The commands that were given."""
        found = [read_event(record).event for record in self.bench.log.on(COMMANDS.name)]
        return [event for event in found if isinstance(event, SendRequested)]


def _outcomes(connection: Connection) -> dict[float, str]:
    found = connection.execute(select(replies.c.written_ms, replies.c.outcome))
    return {row.written_ms / 1000: row.outcome for row in found}


@pytest.fixture
def desk(bench: Bench, database: Database) -> Desk:
    """Return a desk."""
    return Desk(bench, database, WrittenConsents())


async def test_every_message_leaves_a_trace_of_what_was_decided(desk: Desk) -> None:
    """Answered or not, with the reason; the number asked about is the person's."""
    assert await desk.write("hours") == "reply"
    assert await desk.write("hours", autoresponse="other") == "provider_answers"
    assert await desk.write("hours", from_="48500") == "not_a_person"
    assert await desk.write("anything") == "reply"
    assert await desk.write("anything") == "cooldown"
    assert [command.rule for command in desk.commands] == ["hours", "default"]
    assert {number for _, number, _ in desk.consents.asked} == {PERSON}


async def test_the_same_message_again_gives_the_same_command(desk: Desk) -> None:
    """Its own first answer is no reason against it, after a restart neither."""
    event = desk.message("hello")
    for _ in range(7):
        await desk.handle(event)
        desk.bench.now += 1
    assert len({(command.id, command.text) for command in desk.commands}) == 1
    assert len(desk.commands) == 7


async def test_a_command_that_was_lost_is_given_when_the_message_comes_again(desk: Desk) -> None:
    """Even when it is too old by then: the command has its end of use, and its result tells of it."""
    event = desk.message("hours")
    desk.bench.log.away = True
    with pytest.raises(LogUnavailableError):
        await desk.handle(event)
    desk.bench.log.away = False
    desk.bench.now += 2 * desk.settings.max_age
    await desk.handle(event)
    (command,) = desk.commands
    assert command.text == "Open 9 to 17."
    assert command.expires_at == event.received_at + timedelta(seconds=desk.settings.max_age)


async def test_a_message_that_was_kept_silent_about_stays_so(desk: Desk) -> None:
    """Though the reason is gone by the time it comes again."""
    desk.consents.opt_out(PERSON, NOW)
    event = desk.message("hours")
    await desk.handle(event)
    desk.consents.said.clear()
    await desk.handle(event)
    assert desk.commands == []
    assert await desk.outcome(event) == "opted_out"


async def test_an_opt_out_is_confirmed_once_and_then_there_is_silence(desk: Desk) -> None:
    """Save for HELP; a START ends it, and the next opt-out is confirmed again."""
    texts = ["STOP", "stop", "hours", "hello", "HELP", "START", "hours", "quit", "end"]
    found = [await desk.write(text) for text in texts]
    assert found == [
        "reply",
        "already_confirmed",
        "opted_out",
        "opted_out",
        "reply",
        "reply",
        "reply",
        "reply",
        "already_confirmed",
    ]
    purposes = [command.purpose for command in desk.commands]
    assert purposes == ["opt_out_confirmation", "help", "opt_in_confirmation", None, "opt_out_confirmation"]


async def test_a_stop_that_the_provider_answered_silences_the_conversation(desk: Desk) -> None:
    """Before the book of consents has heard of it; other conversations go on."""
    assert await desk.write("stop", autoresponse="stop") == "provider_answers"
    assert await desk.write("hours") == "opted_out"
    assert await desk.write("hours", to="+15550000009") == "reply"
    assert await desk.write("hours", account="other") == "reply"


async def test_one_person_is_one_conversation_however_the_number_is_written(desk: Desk) -> None:
    """A push and a poll may spell it differently."""
    assert await desk.write("good day", from_="+15550000002") == "reply"
    assert await desk.write("good day", from_="15550000002") == "cooldown"


async def test_an_echo_and_a_machine_that_repeats_itself_end(desk: Desk) -> None:
    """Each by its own reason."""
    desk.settings = replace(SETTINGS, cooldown=0)
    assert await desk.write("hours") == "reply"
    assert await desk.write("Open 9 to 17.") == "echo"
    assert [await desk.write("Ticket opened.") for _ in range(3)] == ["reply", "reply", "same_text"]
    assert [await desk.write(text) for text in ("hours", "help", "help")] == ["reply", "reply", "rate_limited"]


async def test_two_members_that_decide_at_once_note_one_decision(desk: Desk) -> None:
    """The second is told what the first noted."""
    memories = [ReplyMemory(desk.database, 3600) for _ in range(6)]
    note = some_note(1)
    decision = Decision(ReplyOutcome.REPLY, "hours", "Open.")
    found = await asyncio.gather(
        *(memory.settle(replace(note, now_ms=n), decision, passes) for n, memory in enumerate(memories))
    )
    assert sorted(settled.first for settled in found) == [False] * 5 + [True]
    assert len({settled.at for settled in found}) == 1


class Counting(Database):
    """A state that counts its transactions, and can hold one."""

    runs = 0
    hold: asyncio.Event | None = None

    async def run(self, work: Any, undo: Any = None) -> Any:
        """Do the work when it is let go."""
        self.runs += 1
        if self.hold is not None:
            await self.hold.wait()
        return await super().run(work, undo)


def passes(_said: Conversation) -> ReplyOutcome:
    """Let every answer go out."""
    return ReplyOutcome.REPLY


def some_note(number: int) -> Noted:
    """Return a message of one person."""
    return Noted(
        account="main", command_id=f"c{number}", ours="o", theirs="t", family=None, now_ms=number, written_ms=1
    )


async def test_those_that_wait_share_a_transaction(tmp_path: Path) -> None:
    """One of whom the first gives up in the middle of it: the others do not notice."""
    database = Counting(f"sqlite:///{tmp_path / 'state.db'}")
    await database.open()
    memory, decision = ReplyMemory(database, 3600), Decision(ReplyOutcome.REPLY, "hours", "Open.")
    database.hold = asyncio.Event()
    tasks = [asyncio.create_task(memory.settle(some_note(number), decision, passes)) for number in range(40)]
    await until(lambda: database.runs == 1)
    tasks[0].cancel()
    await until(lambda: database.runs == 2)
    database.hold.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert [one.outcome for one in found[1:] if isinstance(one, Settled)] == [ReplyOutcome.REPLY] * 39
    assert database.runs == 2
    await database.close()


async def test_a_number_that_no_database_takes_is_noted_all_the_same(desk: Desk) -> None:
    """A character 0, or a very long one: it must not stop everybody."""
    assert await desk.write("hours", from_="a\0b" * 1000) == "not_a_person"


async def test_tidying_forgets_no_message_that_may_come_again(desk: Desk) -> None:
    """The table does not grow without an end, and nobody is answered twice for it."""
    await desk.write("hours")
    await prune(desk.database, desk.bench.now + INBOUND.retention_ms / 1000 if INBOUND.retention_ms else 0.0)
    assert len(await desk.database.run(_outcomes)) == 1
    await prune(desk.database, desk.bench.now + REPLIES_KEPT + 2)
    assert len(await desk.database.run(_outcomes)) == 0


async def test_one_that_cannot_be_noted_fails_alone(desk: Desk) -> None:
    """Those that share its transaction are noted without it."""
    memory, settle = ReplyMemory(desk.database, horizon_of(SETTINGS)), ReplyMemory._settle

    def choosy(self: ReplyMemory, connection: Connection, asked: Any) -> Settled:
        if asked.note.command_id == "c1":
            raise StateValueError("no database takes it")
        return settle(self, connection, asked)

    decision = Decision(ReplyOutcome.REPLY, "hours", "Open.")
    with mock.patch.object(ReplyMemory, "_settle", choosy):
        found = await asyncio.gather(
            *(memory.settle(some_note(number), decision, passes) for number in range(4)), return_exceptions=True
        )
    assert [type(one) for one in found] == [Settled, StateValueError, Settled, Settled]


async def test_a_state_that_goes_while_each_is_noted_alone_is_tried_once(desk: Desk) -> None:
    """The others hear of it at once, and do not wait for it one after the other."""
    memory, tries = ReplyMemory(desk.database, horizon_of(SETTINGS)), list[str]()
    settle = ReplyMemory._settle

    def going(self: ReplyMemory, connection: Connection, asked: Any) -> Settled:
        tries.append(asked.note.command_id)
        if len(tries) == 1:
            return settle(self, connection, asked)
        raise StateValueError("no database takes it") if len(tries) == 2 else StateError("away")

    decision = Decision(ReplyOutcome.REPLY, "hours", "Open.")
    with mock.patch.object(ReplyMemory, "_settle", going):
        found = await asyncio.gather(
            *(memory.settle(some_note(number), decision, passes) for number in range(4)), return_exceptions=True
        )
    assert [type(one) for one in found] == [Settled, StateError, StateError, StateError]
    assert tries == ["c0", "c1", "c1"]


async def test_without_a_state_nothing_is_answered(desk: Desk) -> None:
    """The message is asked for again later."""
    event = desk.message("hours")
    await desk.database.close()
    with pytest.raises(TryLater, match="state_unavailable"):
        await desk.handle(event)
    assert desk.commands == []


async def test_without_an_answer_about_consent_nothing_is_answered(desk: Desk) -> None:
    """The same."""
    desk.consents.away = True
    with pytest.raises(TryLater, match="state_unavailable"):
        await desk.write("hours")
    assert desk.commands == []
