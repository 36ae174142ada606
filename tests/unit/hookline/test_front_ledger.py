"""A ledger that cannot be used: the receiver serves all the same, and everybody says what is wrong."""

import asyncio
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from broker.embedded.schema import Store
from consumers.state.database import Database
from hookline.configuration.config import Config, load_config
from hookline.doctor.log import check_log
from hookline.doctor.report import Check, Grade
from hookline.doctor.state import check_state
from hookline.process.application import Application, Role
from hookline.sqlite_files import examine
from tests.support.admin import ask, until
from tests.support.front import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder with a configuration whose two files are named."""
    made = Desk(tmp_path)
    made.key_file()
    made.write_sound('api_key = "file:api.key"', "[consumers]", 'state = "sqlite:///state.db"')
    return made


async def configured(desk: Desk) -> Config:
    """Return the configuration of the desk."""
    return await asyncio.to_thread(load_config, desk.config, {})


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold the write lock of a file, as another process may."""
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield


def make_ledger(path: Path) -> None:
    """Make an empty ledger."""

    async def make() -> None:
        database = Database(f"sqlite:///{path}")
        await database.open()
        await database.close()

    asyncio.run(make())


async def state_of_send(application: Application, reason: str | None, *, running: bool) -> dict[str, Any]:
    """Return the health page as soon as it shows send so."""
    page: dict[str, Any] = {}

    async def is_so() -> bool:
        page.update(orjson.loads((await ask(application.admin_address, "/healthz"))[1]))
        send = page["consumers"]["send"]
        return (send["running"], send["reason"]) == (running, reason)

    await until(is_so)
    return page


async def test_a_damaged_ledger_leaves_the_receiver_ready(desk: Desk) -> None:
    """Send is down and says so on the health page and in the log; when the file is mended, send runs."""
    ledger = desk.folder / "state.db"
    await asyncio.to_thread(ledger.write_bytes, b"no database at all" * 100)
    application = Application(await configured(desk), frozenset(Role))
    with structlog.testing.capture_logs() as lines:
        await application.start()
        try:
            page = await state_of_send(application, "state_unavailable", running=False)
            status, ready = await ask(application.admin_address, "/readyz")
            await asyncio.to_thread(ledger.unlink)
            await state_of_send(application, None, running=True)
        finally:
            await application.stop()
    assert page["status"] == "degraded"
    assert (status, orjson.loads(ready)["ready"]) == (200, True)
    (down, *_) = [line for line in lines if line["event"] == "consumer_down"]
    assert (down["log_level"], down["state"]) == ("error", str(ledger))
    assert "damaged" in down["error"]
    assert "move it away" in down["advice"]


async def check_of(desk: Desk, area: str) -> Check:
    """Return what the doctor says of one of the two files."""
    config = await configured(desk)
    checks = await (check_state(config) if area == "state" else check_log(config))
    return next(check for check in checks if check.area == area)


FILES = pytest.mark.parametrize(("area", "name"), [("state", "state.db"), ("log", "log.db")])


@FILES
async def test_the_doctor_tells_a_damaged_file(desk: Desk, area: str, name: str) -> None:
    """As damaged, and not as a disk that is not there."""
    await asyncio.to_thread((desk.folder / name).write_bytes, b"no database at all" * 100)
    check = await check_of(desk, area)
    assert (check.grade, "is damaged" in check.title) == (Grade.FAIL, True)
    assert "move it away" in check.advice


@FILES
async def test_the_doctor_tells_damage_behind_the_start(desk: Desk, area: str, name: str) -> None:
    """A file whose first page is sound is read on."""
    path = desk.folder / name

    def damage() -> None:
        if area == "state":
            make_ledger(path)
        else:
            Store(path).connect_writer().close()
        data = path.read_bytes()
        path.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))

    await asyncio.to_thread(damage)
    check = await check_of(desk, area)
    assert (check.grade, "is damaged" in check.title) == (Grade.FAIL, True)


@FILES
async def test_the_doctor_tells_the_file_of_another_program(desk: Desk, area: str, name: str) -> None:
    """Nothing is written into it."""
    path = desk.folder / name

    def make() -> bytes:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE songs (title TEXT)")
        return path.read_bytes()

    before = await asyncio.to_thread(make)
    check = await check_of(desk, area)
    assert (check.grade, "another program" in check.title) == (Grade.FAIL, True)
    assert await asyncio.to_thread(path.read_bytes) == before


def test_a_file_that_another_process_holds_is_locked(tmp_path: Path) -> None:
    """And when it lets go, all is well."""
    path = tmp_path / "state.db"
    make_ledger(path)
    with locked(path):
        trouble = examine(path, "commands")
    assert trouble is not None
    assert "locked" in trouble.what
    assert examine(path, "commands") is None


def test_a_file_that_is_not_there_is_no_trouble_and_is_not_made(tmp_path: Path) -> None:
    """The first start makes it."""
    assert examine(tmp_path / "state.db", "commands") is None
    assert list(tmp_path.iterdir()) == []
