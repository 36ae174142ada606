"""The database of the state: one way to it, durable, and plain about its troubles."""

from sqlalchemy import Connection, insert, select

from consumers.state.database import Database
from consumers.state.schema import sender_scopes

ROW = {"account": "main", "number": "+15550000001", "scope": "profile", "moment_ms": 1 << 40}


def note(connection: Connection) -> None:
    """Write one row."""
    connection.execute(insert(sender_scopes).values(**ROW))


def read(connection: Connection) -> list[dict[str, object]]:
    """Return all rows."""
    return [dict(row) for row in connection.execute(select(sender_scopes)).mappings()]


async def test_what_a_transaction_wrote_is_there_for_another_database(database: Database, state_url: str) -> None:
    """Work is committed when `run` returns."""
    await database.run(note)
    other = Database(state_url)
    await other.open()
    assert await other.run(read) == [ROW]
    await other.close()
