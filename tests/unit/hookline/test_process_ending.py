"""The very end of a process while threads of it hang: in time, with its own status."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.admin import until
from tests.support.front import Desk, clean_environment
from tests.support.stopping import LONGEST, hung_resolver, started

SCRIPT = """
import asyncio, sys, threading
if sys.argv[1] == "plain":
    sys.modules["uvloop"] = None
from hookline.process.ending import run_to_end
from schemas.errors import HooklineError

def hang():
    sys.stdout.write("hangs\\n"); sys.stdout.flush()
    threading.Event().wait()

async def work():
    {work}

def flush(seconds):
    sys.stdout.write("flushed\\n"); sys.stdout.flush()

status = run_to_end(work(), flush)
sys.stdout.write("closed\\n"); sys.stdout.flush()
sys.exit(status)
"""
HANG = "asyncio.get_running_loop().run_in_executor(None, hang); await asyncio.sleep(0.1)"
LOOPS = pytest.mark.parametrize("loop", ["plain", "uvloop"])


def run(loop: str, work: str) -> tuple[int, list[str], str, float]:
    """Run the script; return its status, what it said on both streams, and its seconds."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(work=work), loop],
        capture_output=True, text=True, timeout=30, check=False, env=clean_environment(),
    )  # fmt: skip
    return done.returncode, done.stdout.split(), done.stderr, time.monotonic() - began


@LOOPS
@pytest.mark.parametrize("status", [0, 3])
def test_a_thread_that_hangs_does_not_hold_the_end(loop: str, status: int) -> None:
    """The status is that of the work, and waiting log lines are written first."""
    found, said, errors, seconds = run(loop, f"{HANG}; return {status}")
    assert (found, said, errors) == (status, ["hangs", "flushed"], "")
    assert seconds < 5


@LOOPS
def test_an_error_is_told_although_a_thread_hangs(loop: str) -> None:
    """Once, with the status of its kind."""
    found, said, errors, _ = run(loop, f"{HANG}; raise HooklineError('no such place')")
    assert (found, said, errors) == (1, ["hangs", "flushed"], "hookline: no such place\n")


@LOOPS
def test_with_nothing_that_hangs_all_is_closed_as_ever(loop: str) -> None:
    """Nobody is cut short."""
    assert run(loop, "return 4")[:3] == (4, ["closed"], "")


@LOOPS
def test_a_thread_that_outlives_the_loop_does_not_hold_the_end(loop: str) -> None:
    """The interpreter waits for the threads of every pool when it ends."""
    pool = "from concurrent.futures import ThreadPoolExecutor; ThreadPoolExecutor(1).submit(hang)"
    found, said, _, seconds = run(loop, f"{pool}; await asyncio.sleep(0.1); return 5")
    assert (found, said) == (5, ["hangs", "closed", "flushed"])
    assert seconds < 5


@LOOPS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_closes_keeps_the_status(loop: str, number: signal.Signals) -> None:
    """Neither the system's default nor a traceback."""
    later = f"import os, signal; threading.Timer(0.15, os.kill, (os.getpid(), {number:d})).start()"
    assert run(loop, f"{later}; {HANG}; return 3")[0] == 3


@LOOPS
def test_signals_stay_ignored_until_the_interpreter_has_ended(loop: str) -> None:
    """It gives handlers back to the system's default, which kills, before it ends."""
    ask = "import atexit, signal; atexit.register(lambda: print(*map(int, map(signal.getsignal, (2, 15)))))"
    assert run(loop, f"{ask}; return 0")[1] == ["closed", "1", "1"]


@pytest.mark.parametrize("command", [("ingest",), ("run",), ("consume", "auto-reply"), ("ingest", "--workers", "2")])
async def test_a_resolver_that_does_not_answer_holds_no_process(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Kafka's name is being looked up by a thread that nobody can end."""
    desk = Desk(tmp_path)
    desk.key_file()
    environment = hung_resolver(desk)
    async with started(desk, *command, url="kafka://kafka.test:9092", environment=environment) as running:

        async def hung() -> bool:
            return await asyncio.to_thread((tmp_path / "hung").exists)

        await until(hung)
        status, seconds = await running.end()
    assert status == 0
    assert running.events()[-1] == "stopped"
    assert seconds < LONGEST
