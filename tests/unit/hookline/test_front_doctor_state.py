"""The doctor on a state that is a PostgreSQL: can it be reached, may its user work there, is its schema ours?"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from consumers.state.database import Database
from hookline.configuration.config import Config, load_config
from hookline.doctor.report import Check, Grade
from hookline.doctor.state import check_state
from tests.support.front import Desk, free_ports
from tests.support.postgresql import PASSWORD, order, postgresql_url


@pytest.fixture
def server() -> Iterator[str]:
    """Give the URL of an empty database."""
    with postgresql_url() as url:
        yield url


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a configuration."""
    return load_config(Desk(tmp_path).write_sound(), {})


async def check(config: Config, url: str) -> Check:
    """Return what the doctor says, which never shows a password."""
    (found,) = await check_state(replace(config, consumers=replace(config.consumers, state=url)))
    assert PASSWORD not in f"{found}"
    return found


async def make(url: str) -> None:
    """Make the tables, as a first start does."""
    database = Database(url)
    await database.open()
    await database.close()


async def test_an_empty_database_is_sound(config: Config, server: str) -> None:
    """And stays empty."""
    for _ in range(2):
        found = await check(config, server)
        assert (found.grade, "is empty; the first start makes its tables" in found.title) == (Grade.OK, True)


async def test_a_state_in_use_is_sound(config: Config, server: str) -> None:
    """It tells the version of its schema."""
    await make(server)
    found = await check(config, server)
    assert (found.grade, "its schema is 0001" in found.title) == (Grade.OK, True)


async def test_a_server_that_is_not_there_is_told(config: Config) -> None:
    """With its address and what depends on it."""
    (port,) = free_ports(1)
    found = await check(config, f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/d")
    assert found.grade == Grade.FAIL
    assert f"postgresql://127.0.0.1:{port}/d cannot be used" in found.title
    assert "the receiver does not" in found.title


async def test_a_wrong_password_is_told_and_not_shown(config: Config, server: str) -> None:
    """In the server's own words."""
    wrong = make_url(server).set(password="other-s3cret-word").render_as_string(hide_password=False)
    found = await check(config, wrong)
    assert (found.grade, "password authentication failed" in found.title) == (Grade.FAIL, True)


async def test_missing_rights_are_named(config: Config, server: str) -> None:
    """A user that may read and not write."""
    await make(server)
    url = make_url(server)
    name = f"reader_{url.database}"

    def reader() -> None:
        order(server, f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        order(server, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")

    def gone() -> None:
        order(server, f"DROP OWNED BY {name}")
        order(server, f"DROP ROLE {name}")

    await asyncio.to_thread(reader)
    found = await check(config, url.set(username=name).render_as_string(hide_password=False))
    await asyncio.to_thread(gone)
    assert found.grade == Grade.FAIL
    assert "lacks INSERT on commands, UPDATE on commands, DELETE on commands" in found.title
    assert "GRANT" in found.advice


async def test_a_newer_schema_is_told(config: Config, server: str) -> None:
    """Before a start meets it."""
    await make(server)
    await asyncio.to_thread(order, server, "UPDATE hookline_schema SET version_num = '9999'")
    found = await check(config, server)
    assert (found.grade, "newer Hookline" in found.title) == (Grade.FAIL, True)
    assert found.advice == "run the version that made it, or name another database"


async def test_a_schema_that_lacks_a_table_is_told(config: Config, server: str) -> None:
    """Somebody's hand, or a step that was changed after it was taken."""
    await make(server)
    await asyncio.to_thread(order, server, "DROP TABLE replies")
    found = await check(config, server)
    assert (found.grade, "says schema 0001 and lacks replies" in found.title) == (Grade.FAIL, True)


async def test_a_database_that_takes_no_writes_is_told(config: Config, server: str) -> None:
    """As a standby is."""
    await make(server)
    await asyncio.to_thread(
        order, server, f"ALTER DATABASE {make_url(server).database} SET default_transaction_read_only = on"
    )
    found = await check(config, server)
    assert (found.grade, "takes no writes" in found.title) == (Grade.FAIL, True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("PRAGMA user_version=99", "was made by a newer Hookline"),
        ("UPDATE hookline_schema SET version_num='9999'", "was made by a newer Hookline"),
        ("DROP TABLE replies", "says schema 0001 and lacks replies"),
        ("ALTER TABLE messages DROP COLUMN gone_ms", "says schema 0001 and lacks messages.gone_ms"),
    ],
)
async def test_a_file_that_cannot_be_worked_with_is_told(
    config: Config, tmp_path: Path, change: str, told: str
) -> None:
    """As the start would; the file stays as it is."""
    path = tmp_path / "newer.db"
    await make(f"sqlite:///{path}")
    assert (await check(config, f"sqlite:///{path}")).grade is Grade.OK

    def changed() -> bytes:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(change)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.read_bytes()

    before = await asyncio.to_thread(changed)
    found = await check(config, f"sqlite:///{path}")
    assert (found.grade, told in found.title) == (Grade.FAIL, True)
    assert await asyncio.to_thread(path.read_bytes) == before
