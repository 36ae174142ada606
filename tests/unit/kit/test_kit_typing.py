"""The types of the kit in the eyes of mypy and pyright: a user's sound file passes, and mistakes are found."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SOUND = """
from typing import assert_type

from hookline import Consumer, Context, DeliveryUpdated, Event, InboundMessage, MessageReceived, Reject, TryLater
from hookline.events import LinkClicked

crm = Consumer("crm", order="given_up", concurrency=4, deadline=2.5, attempts=3, replays=True)


@crm.on(MessageReceived)
async def note(event: MessageReceived) -> None:
    assert_type(event.text, str | None)
    raise TryLater(5, "later")


@crm.on(DeliveryUpdated, LinkClicked)
async def both(event: DeliveryUpdated | LinkClicked, context: Context) -> None:
    assert_type(context.id, str)
    assert_type(await context.send(to="+15550100", text="Hi"), str | None)
    raise Reject("never")


@Consumer("other").on(MessageReceived)
async def wider(event: InboundMessage) -> None: ...


@Consumer("named").on(MessageReceived)
async def by_name(event: MessageReceived, *, context: Context) -> None: ...


@Consumer("named-wider").on(MessageReceived, DeliveryUpdated)
async def by_name_wider(incoming: Event, *, context: Context) -> None: ...


@Consumer("audit").on(Event)
async def anything(event: Event) -> None: ...
"""

WRONG = """
from hookline import Consumer, Context, DeliveryUpdated, MessageReceived

crm = Consumer("crm", order="lost")  # wrong


@crm.on(MessageReceived)  # wrong
async def other(event: DeliveryUpdated) -> None: ...


@crm.on(MessageReceived)  # wrong
def sync(event: MessageReceived) -> None: ...


@crm.on(MessageReceived)  # wrong
async def other_by_name(event: DeliveryUpdated, *, context: Context) -> None: ...


crm.on(str)  # wrong
"""
_MISTAKES = [number for number, line in enumerate(WRONG.splitlines(), 1) if "# wrong" in line]


def checked(tool: str, folder: Path, text: str) -> tuple[int, str]:
    """Return the exit status and the output of the type checker for a file of another team."""
    (folder / "crm.py").write_text(text, encoding="utf-8")
    words = {
        "mypy": ["mypy", "--strict", "--no-error-summary", "--cache-dir", str(folder / "cache"), "crm.py"],
        "pyright": ["basedpyright", "--pythonpath", sys.executable, "--level", "error", "crm.py"],
    }[tool]
    program = str(Path(sys.executable).parent / words[0])
    run = subprocess.run([program, *words[1:]], cwd=folder, capture_output=True, text=True, timeout=50, check=False)
    return run.returncode, run.stdout + run.stderr


@pytest.mark.parametrize("tool", ["mypy", "pyright"])
def test_both_checkers_read_a_users_file_as_it_is_meant(tool: str, tmp_path: Path) -> None:
    """One file that is right, and one with a mistake on each line that says so."""
    status, output = checked(tool, tmp_path, SOUND)
    assert status == 0, output
    status, output = checked(tool, tmp_path, WRONG)
    assert status == 1
    places = sorted({int(number) for number in re.findall(r"crm\.py:(\d+)(?::\d+)?:? .*?error", output)})
    assert places == _MISTAKES, output
