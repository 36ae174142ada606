"""How long the state keeps what: by age, in batches, and consents for ever."""

import asyncio
from typing import Any

import pytest
import structlog
from sqlalchemy import Connection, Table, insert, select

from consumers.state import schema
from consumers.state.database import Database, StateError
from consumers.state.retention import BATCH, DAY, prune
from hookline.consuming.tidying import Tidying
from tests.support.consumers import until

NOW = 1_767_225_600.0


def row(table: Table, **values: Any) -> dict[str, Any]:
    """Return a row with something in every column that must not be empty."""
    made = {column.name: column.type.python_type() for column in table.columns if not column.nullable}
    return made | values


def fill(*rows: tuple[Table, dict[str, Any]]) -> Any:
    """Return work that writes the rows."""

    def work(connection: Connection) -> None:
        for table, values in rows:
            connection.execute(insert(table).values(**row(table, **values)))

    return work


def names(column: Any) -> Any:
    """Return work that reads a column."""
    return lambda connection: sorted(connection.execute(select(column)).scalars())


def ms(days: float) -> int:
    """Return the time so many days ago in milliseconds."""
    return int((NOW - days * DAY) * 1000)


async def test_commands_are_kept_longer_than_their_topic_keeps_them(database: Database) -> None:
    """60 days, and not more."""
    old = {"command_id": "old", "claimed_at": NOW - 61 * DAY}
    young = {"command_id": "young", "claimed_at": NOW - 59 * DAY}
    await database.run(fill((schema.commands, old), (schema.commands, young)))
    assert (await prune(database, NOW))["commands"] == 1
    assert await database.run(names(schema.commands.c.command_id)) == ["young"]


async def test_final_messages_go_90_days_after_their_last_change(database: Database) -> None:
    """One that changed since is kept, one without a final state for a year."""
    old = {"final": True, "first_ms": ms(100), "changed_ms": ms(91)}
    rows = {
        "gone": old,
        "changed": old | {"changed_ms": ms(89)},
        "open": old | {"final": False},
        "open too long": {"final": False, "first_ms": ms(366), "changed_ms": ms(366)},
    }
    await database.run(fill(*((schema.messages, values | {"message_id": name}) for name, values in rows.items())))
    assert (await prune(database, NOW))["messages"] == 2
    assert await database.run(names(schema.messages.c.message_id)) == ["changed", "open"]


@pytest.mark.parametrize(
    ("table", "age", "days"), [(schema.message_events, "received_ms", 90), (schema.replies, "at_ms", 60)]
)
async def test_what_came_about_messages_goes_by_its_age(database: Database, table: Table, age: str, days: int) -> None:
    """Each table by its own time."""
    rows = ({"account": "old", age: ms(days + 0.1)}, {"account": "young", age: ms(days - 0.1)})
    await database.run(fill(*((table, values) for values in rows)))
    await prune(database, NOW)
    assert await database.run(names(table.c.account)) == ["young"]


async def test_consents_are_kept_for_ever(database: Database) -> None:
    """And their history, and the scopes of our numbers."""
    kept = (schema.consents, schema.consent_history, schema.sender_scopes)
    await database.run(fill(*((table, {}) for table in kept)))
    await prune(database, NOW)
    assert [await database.run(names(table.c.account)) for table in kept] == [[""]] * 3


async def test_a_great_deal_goes_batch_by_batch(database: Database) -> None:
    """No transaction holds the others up for long."""
    many = [row(schema.replies, command_id=str(number), at_ms=ms(61)) for number in range(2 * BATCH + 1)]
    await database.run(lambda connection: connection.execute(insert(schema.replies), many))
    assert (await prune(database, NOW))["replies"] == len(many)


async def test_two_that_tidy_at_once_do_not_trip(database: Database, state_url: str) -> None:
    """Every row goes once."""
    many = [row(schema.replies, command_id=str(number), at_ms=ms(61)) for number in range(BATCH + 1)]
    await database.run(lambda connection: connection.execute(insert(schema.replies), many))
    other = Database(state_url)
    await other.open()
    both = await asyncio.gather(prune(database, NOW), prune(other, NOW))
    await prune(database, NOW)
    await other.close()
    assert sum(gone["replies"] for gone in both) <= len(many)
    assert await database.run(names(schema.replies.c.command_id)) == []


async def test_the_state_is_tidied_while_it_is_open(database: Database) -> None:
    """Again and again, and not before it is open."""
    await database.close()
    tidying = Tidying(database, lambda: NOW, first=0.01, every=0.01)
    with structlog.testing.capture_logs() as lines:
        tidying.start()
        await database.open()
        await database.run(fill((schema.replies, {"at_ms": ms(61)})))
        await until(lambda: lines)
        await tidying.stop()
    assert lines == [{"event": "state_tidied", "log_level": "info", "replies": 1}]


async def test_a_state_in_trouble_is_tidied_later(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trouble is told, and it goes on."""
    tries: list[float] = []

    async def fail(_database: Database, now: float) -> dict[str, int]:
        tries.append(now)
        raise StateError("on purpose")

    monkeypatch.setattr("hookline.consuming.tidying.prune", fail)
    tidying = Tidying(database, lambda: NOW, first=0.01)
    with structlog.testing.capture_logs() as lines:
        tidying.start()
        await until(lambda: len(tries) > 1)
    await tidying.stop()
    assert lines[0]["event"] == "state_not_tidied"
