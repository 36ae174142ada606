"""What a worker knows of its place, and the link to its parent."""

import asyncio
import json
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.configuration.config import Config, ConfigError, load_config
from hookline.process.worker_link import UP, VARIABLE, Link, Place, open_listeners, parse_place, share_of, take_place
from tests.support.front import Desk

PLACE = Place(number=2, of=4, listeners=(5, 6), link=7, admin=Path("/tmp/hookline-x/2.sock"))  # noqa: S108 - not made


def test_a_place_survives_the_environment() -> None:
    """What the parent writes the worker reads."""
    environment = {VARIABLE: PLACE.to_text(), "PATH": "/bin"}
    assert take_place(environment) == PLACE
    assert environment == {"PATH": "/bin"}


def test_a_process_without_the_variable_is_no_worker() -> None:
    """The usual case."""
    assert take_place({}) is None


WRONG: dict[str, Any] = {
    "number": [0, 5, "2", True, None],
    "of": [1, 65, -1],
    "listeners": [[], [1], [5, 5], ["5"], 5],
    "link": [-1, 2, 5, None],
    "admin": ["2.sock", 3],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_place_that_no_parent_writes_is_refused(name: str, value: object) -> None:
    """With the variable's name, as a wrong configuration."""
    fields = orjson.loads(PLACE.to_text()) | {name: value}
    with pytest.raises(ConfigError, match=VARIABLE):
        parse_place(orjson.dumps(fields).decode())


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_other_text_is_refused(text: str) -> None:
    """Never by another error."""
    with pytest.raises(ConfigError, match=VARIABLE):
        parse_place(text)


def test_a_descriptor_that_is_no_socket_is_refused(tmp_path: Path) -> None:
    """The variable was set by somebody else."""
    with (tmp_path / "file").open("wb") as file, pytest.raises(ConfigError, match="is no socket of a parent"):
        open_listeners(replace(PLACE, listeners=(file.fileno(),)))


async def test_the_end_of_the_parent_is_noticed() -> None:
    """Its end of the link is closed by the kernel, however it ended."""
    ours, theirs = socket.socketpair()
    link, gone = Link(theirs.detach()), asyncio.Event()
    link.watch(gone.set)
    ours.close()
    async with asyncio.timeout(5):
        await gone.wait()
    link.close()


async def test_being_up_is_told() -> None:
    """One byte for the parent."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    link = Link(theirs.detach())
    link.tell_up()
    assert ours.recv(8) == UP
    link.close()
    ours.close()


async def test_a_parent_that_has_gone_is_told_nothing() -> None:
    """That is no error of the worker."""
    ours, theirs = socket.socketpair()
    link = Link(theirs.detach())
    ours.close()
    link.tell_up()
    link.close()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a sound configuration."""
    return load_config(Desk(tmp_path).write_sound("[spool]", "max_bytes = 10_000_000"), os.environ)


def test_the_disk_is_shared(config: Config) -> None:
    """By all together no more than the setting says; what one process can do in time is as it was."""
    share = share_of(config, 3)
    assert share.spool.max_bytes == 3_333_333
    assert share.server == config.server


def test_a_spool_that_is_on_stays_on(config: Config) -> None:
    """0 has a meaning of its own."""
    small = replace(config, spool=replace(config.spool, max_bytes=2))
    assert share_of(small, 64).spool.max_bytes == 1


def test_a_spool_that_is_off_stays_off(config: Config) -> None:
    """For every worker."""
    off = replace(config, spool=replace(config.spool, max_bytes=0))
    assert share_of(off, 2).spool.max_bytes == 0
