"""How long each table keeps its rows. Consents, their history and the scopes of our numbers are kept for ever."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, delete, not_, select, tuple_

from consumers.state.database import Database
from consumers.state.schema import commands, message_events, messages, replies

DAY = 86400.0
COMMANDS_KEPT = 60 * DAY
"""Longer than commands are kept on their topic (7 days): a command that can come again is still known."""

MESSAGES_KEPT = 90 * DAY
OPEN_MESSAGES_KEPT = 365 * DAY
"""A message that never got a final state; it is asked about for as long as it is here."""

REPLIES_KEPT = 60 * DAY
"""Longer than messages are kept on their topic (30 days), and than any window of the rules: one that can come again is
still known, and an opt-out that was confirmed stays confirmed."""

BATCH = 500
"""Rows that go in one transaction, so that nobody waits long for the lock."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of `table` go `seconds` after the time in `age`, which counts in units of `unit` a second."""

    table: Table
    age: Column[int] | Column[float]
    unit: int
    seconds: float
    besides: ColumnElement[bool] | None = None

    def old(self, now: float) -> ColumnElement[bool]:
        """Return the condition of a row that goes."""
        past = self.age < (now - self.seconds) * self.unit
        return past if self.besides is None else and_(past, self.besides)


def rules(now: float) -> tuple[Rule, ...]:
    """Return what goes at `now` (Unix seconds)."""
    changed = messages.c.changed_ms < (now - MESSAGES_KEPT) * 1000
    return (
        Rule(commands, commands.c.claimed_at, 1, COMMANDS_KEPT),
        Rule(message_events, message_events.c.received_ms, 1000, MESSAGES_KEPT),
        Rule(messages, messages.c.first_ms, 1000, MESSAGES_KEPT, and_(messages.c.final, changed)),
        Rule(messages, messages.c.first_ms, 1000, OPEN_MESSAGES_KEPT, not_(messages.c.final)),
        Rule(replies, replies.c.at_ms, 1000, REPLIES_KEPT),
    )


async def prune(database: Database, now: float) -> Mapping[str, int]:
    """Remove what is too old, batch by batch; return how many rows went from each table. Raises StateError."""
    gone: dict[str, int] = {}
    for rule in rules(now):
        count = BATCH
        while count == BATCH:
            count = await database.run(partial(_remove, rule=rule, now=now))
            gone[rule.table.name] = gone.get(rule.table.name, 0) + count
    return gone


def _remove(connection: Connection, rule: Rule, now: float) -> int:
    key = rule.table.primary_key.columns
    # Rows that another process holds are left to it, or to the next time.
    some = select(*key).where(rule.old(now)).order_by(rule.age).limit(BATCH).with_for_update(skip_locked=True)
    return connection.execute(delete(rule.table).where(tuple_(*key).in_(some))).rowcount
