"""What was decided about each inbound message, in the state: nobody is answered twice, and loops are seen.

A message is noted once, by the id of the one command that may answer it, before that command is given. What is noted
stays: after a crash, or when the message comes again, the same command is given, or none.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, and_, func, select

from consumers.auto_reply.deciding import Decision, ReplyOutcome
from consumers.auto_reply.guarding import Answer, Conversation, Judge, Noted, Settled, digest_of
from consumers.consent.numbers import canonical
from consumers.state.database import Database
from consumers.state.errors import StateError
from consumers.state.schema import replies
from consumers.state.upsert import insert_into
from schemas.times import from_millis
from schemas.vocabulary import Autoresponse, SendPurpose

_MOST_ANSWERS = 1000
_LONGEST_KEY = 200
_BATCH = 64


class Memory(Protocol):
    """Where decisions are noted."""

    async def settle(self, note: Noted, decision: Decision, judge: Judge) -> Settled:
        """Note a decision and return it, or the one that was noted before. An answer has to pass `judge` first.

        Raises StateError; then nothing may be given.
        """
        ...


@dataclass(slots=True, eq=False)
class _Asked:
    """A decision that waits to be noted, and then what came of it."""

    note: Noted
    decision: Decision
    judge: Judge
    settled: Settled | None = None
    error: Exception | None = None

    @property
    def waits(self) -> bool:
        """Whether nothing came of it yet."""
        return self.settled is None and self.error is None


class ReplyMemory:
    """The memory in the table `replies`. `horizon` is for how many seconds the answers of a conversation matter.

    A transaction costs a write to the disk: those that wait while one is under way share the next one.
    """

    def __init__(self, database: Database, horizon: float) -> None:
        self._database = database
        self._horizon_ms = int(horizon * 1000)
        self._waiting: list[_Asked] = []
        self._turn = asyncio.Lock()

    async def settle(self, note: Noted, decision: Decision, judge: Judge) -> Settled:
        """Note a decision, as Memory tells."""
        asked = _Asked(note, decision, judge)
        self._waiting.append(asked)
        try:
            async with self._turn:
                while asked.waits:
                    await self._note_batch()
        finally:
            self._waiting = [one for one in self._waiting if one is not asked]
        if isinstance(asked.error, StateError):
            raise StateError(str(asked.error)) from asked.error
        if asked.error is not None:
            raise asked.error
        if asked.settled is None:
            raise StateError("the decision was not noted")
        return asked.settled

    async def _note_batch(self) -> None:
        """Note those that have waited longest. Cut off, it leaves them waiting: noting twice is noting once."""
        batch = tuple(self._waiting[:_BATCH])
        try:
            await self._note_all(batch)
        except StateError as error:
            for one in batch:
                one.error = error
        except Exception as error:  # noqa: BLE001 - one of them is at fault: each by itself, so that no other suffers
            if len(batch) == 1:
                batch[0].error = error
            else:
                await self._note_each(batch)
        self._waiting = [one for one in self._waiting if one.waits]

    async def _note_all(self, batch: Sequence[_Asked]) -> None:
        found = await self._database.run(lambda connection: [self._settle(connection, one) for one in batch])
        for one, settled in zip(batch, found, strict=True):
            one.settled = settled

    async def _note_each(self, batch: Sequence[_Asked]) -> None:
        for one in batch:
            try:
                await self._note_all((one,))
            except StateError as error:
                # It went away meanwhile: the others need not find that out one by one.
                for each in batch:
                    each.error = error if each.waits else each.error
                return
            except Exception as error:  # noqa: BLE001 - it is its own handler's to hear of
                one.error = error

    def _settle(self, connection: Connection, asked: _Asked) -> Settled:
        note, decision = asked.note, asked.decision
        before = _noted(connection, note)
        if before is not None:
            return before
        outcome = decision.outcome
        if outcome is ReplyOutcome.REPLY:
            outcome = asked.judge(_conversation(connection, note, note.now_ms - self._horizon_ms))
        values = _row(note, decision, outcome)
        statement = insert_into(connection, replies).values(values).on_conflict_do_nothing()
        written = connection.execute(statement.returning(replies.c.command_id)).one_or_none()
        # Another member may have been first meanwhile: then its decision is the one.
        other = None if written else _noted(connection, note)
        return other or Settled(outcome, from_millis(note.now_ms))


def _key(text: str) -> str:
    """Return a number as it is kept: in one spelling."""
    # PostgreSQL takes no character 0, and an index no text without an end.
    return canonical(text).replace("\0", "")[:_LONGEST_KEY]


def _row(note: Noted, decision: Decision, outcome: ReplyOutcome) -> dict[str, object]:
    answers = outcome is ReplyOutcome.REPLY
    return {
        "account": note.account,
        "command_id": note.command_id,
        "ours": _key(note.ours),
        "theirs": _key(note.theirs),
        "outcome": outcome.value,
        "rule": decision.rule,
        "purpose": decision.purpose.value if answers and decision.purpose else None,
        "family": note.family,
        "text_digest": digest_of(decision.text or "") if answers else "",
        "at_ms": note.now_ms,
        "written_ms": note.written_ms,
    }


def _noted(connection: Connection, note: Noted) -> Settled | None:
    asked = select(replies.c.outcome, replies.c.at_ms).where(
        replies.c.account == note.account, replies.c.command_id == note.command_id
    )
    row = connection.execute(asked).one_or_none()
    return None if row is None else Settled(ReplyOutcome(row.outcome), from_millis(row.at_ms), first=False)


def _conversation(connection: Connection, note: Noted, since_ms: int) -> Conversation:
    here = and_(
        replies.c.account == note.account,
        replies.c.ours == _key(note.ours),
        replies.c.theirs == _key(note.theirs),
    )
    answers = (
        select(replies.c.rule, replies.c.text_digest, replies.c.at_ms, replies.c.purpose)
        .where(here, replies.c.outcome == ReplyOutcome.REPLY.value, replies.c.at_ms >= since_ms)
        .order_by(replies.c.at_ms.desc())
        .limit(_MOST_ANSWERS)
    )
    said = (
        select(replies.c.family, func.max(replies.c.written_ms).label("last"))
        .where(here, replies.c.family.is_not(None))
        .group_by(replies.c.family)
    )
    last = {row.family: row.last for row in connection.execute(said)}
    confirmed = select(func.max(replies.c.written_ms)).where(
        here, replies.c.purpose == SendPurpose.OPT_OUT_CONFIRMATION.value
    )
    return Conversation(
        answers=tuple(Answer(*row) for row in connection.execute(answers)),
        stopped_ms=last.get(Autoresponse.STOP.value),
        started_ms=last.get(Autoresponse.START.value),
        confirmed_ms=connection.execute(confirmed).scalar(),
    )
