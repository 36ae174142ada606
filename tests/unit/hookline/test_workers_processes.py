"""A parent and its workers as real processes, at a Kafka that is away: what they do then is the same."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hookline.configuration.config import ConfigError, load_config
from hookline.errors import CommandError
from hookline.process.supervisor import Supervisor
from hookline.process.worker_process import worker_command
from tests.support.admin import ask
from tests.support.front import Desk, free_ports, hookline
from tests.support.workers import Workers, alive, kill, until, workers, write_config

AWAY = ('url = "kafka://127.0.0.1:1"',)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Return a folder of a site; the private folders of workers go into another one that is short and empty."""
    with tempfile.TemporaryDirectory(prefix="wk") as short:
        monkeypatch.setenv("TMPDIR", short)
        yield Desk(tmp_path)
        assert not list(Path(short).iterdir()), "the private folder was left behind"


def test_sqlite_refuses_several_workers(desk: Desk) -> None:
    """With the reason, before anything starts, as a wrong configuration."""
    desk.write_sound()
    done = hookline("ingest", "--workers", "2", cwd=desk.folder)
    assert done.returncode == 2
    assert b"the embedded log has room for one receiver" in done.stderr
    assert b"kafka://" in done.stderr


@pytest.mark.parametrize("number", ["0", "65", "-1", "two", "1.5", ""])
def test_a_number_of_workers_out_of_bounds_is_a_wrong_call(desk: Desk, number: str) -> None:
    """The bounds are told."""
    desk.write_sound()
    done = hookline("ingest", f"--workers={number}", cwd=desk.folder)
    assert done.returncode == 2
    assert b"is not a number from 1 to 64" in done.stderr


def test_run_has_no_workers(desk: Desk) -> None:
    """Its consumers are in the same process."""
    desk.write_sound()
    done = hookline("run", "--workers", "2", cwd=desk.folder)
    assert done.returncode == 2
    assert b"unrecognized arguments: --workers" in done.stderr


def test_a_wrong_configuration_is_told_once(desk: Desk) -> None:
    """By the parent, before it starts a worker."""
    write_config(desk, AWAY)
    desk.config.write_text(desk.config.read_text().replace(desk.public_key, "not a key"))
    done = hookline("ingest", "--workers", "2", cwd=desk.folder)
    assert done.returncode == 2
    assert done.stderr.count(b"cannot prove a sender") == 1


def test_an_address_that_is_taken_is_told(desk: Desk) -> None:
    """As by a single receiver."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        write_config(desk, AWAY, listen=other.getsockname()[1])
        done = hookline("ingest", "--workers", "2", cwd=desk.folder)
    assert done.returncode == 1
    assert b"cannot listen on 127.0.0.1" in done.stderr


def test_a_variable_that_no_parent_set_is_refused(desk: Desk) -> None:
    """Somebody else's environment must not make half a worker."""
    desk.write_sound()
    done = hookline("ingest", cwd=desk.folder, environment={"HOOKLINE_WORKER": "1"})
    assert done.returncode == 2
    assert b"HOOKLINE_WORKER" in done.stderr


@pytest.mark.parametrize(("status", "error"), [(2, ConfigError), (1, CommandError)])
async def test_workers_that_cannot_start_end_the_parent(desk: Desk, status: int, error: type[Exception]) -> None:
    """With the same status as theirs, and without a crash loop."""
    (listen, admin), lives = free_ports(2), desk.folder / "lives"
    write_config(desk, AWAY, listen=listen, admin=admin)
    code = f"import sys; open({str(lives)!r}, 'a').write('x'); sys.exit({status})"
    config = await asyncio.to_thread(load_config, desk.config, os.environ)
    supervisor = Supervisor(config, 2, (sys.executable, "-c", code))
    with pytest.raises(error, match=r"worker \d could not start: its own line above tells why"):
        async with asyncio.timeout(20):
            await supervisor.run(asyncio.Event())
    assert len(lives.read_text()) <= 2


async def test_every_worker_answers_through_the_parent(desk: Desk) -> None:
    """One address for all: health, readiness and figures name each worker."""
    async with workers(desk, broker=AWAY) as site:
        status, _ = await ask(site.admin, "/readyz")
        ready = await site.page("/readyz")
        figures = (await ask(site.admin, "/metrics"))[1].decode()
    assert (status, ready["degraded"]) == (200, True)  # the spool takes what comes
    assert [worker["worker"] for worker in ready["workers"]] == [1, 2]
    for line in ('hookline_log_up{worker="1"}', 'hookline_log_up{worker="2"}', "hookline_workers_running 2.0"):
        assert line in figures


async def test_log_lines_name_their_worker(desk: Desk) -> None:
    """All lines go to one stream."""
    async with workers(desk, broker=AWAY) as site:
        # A worker is up a little before it has written so.
        await until(lambda: _started_by(site, {1, 2}))


async def _started_by(site: Workers, numbers: set[int]) -> bool:
    return {line["worker"] for line in site.lines("started")} == numbers


async def test_a_killed_worker_is_replaced(desk: Desk) -> None:
    """At once the first time; the log tells who it was and how it ended."""
    async with workers(desk, broker=AWAY) as site:
        first, second = await site.pids()
        kill(first)
        await until(lambda: _replaced(site, first))
        assert (await site.pids())[1] == second
        (ended,) = site.lines("worker_ended")
        assert (ended["worker"], ended["how"]) == (1, "signal SIGKILL")
        assert {line["pid"] for line in site.lines("worker_started")} >= {first, second}
        figures = (await ask(site.admin, "/metrics"))[1].decode()
    assert 'hookline_worker_restarts_total{worker="1"} 1.0' in figures
    assert 'hookline_worker_up{worker="1"} 1.0' in figures


async def test_a_worker_that_is_told_to_end_is_replaced(desk: Desk) -> None:
    """So an operator renews the workers one by one."""
    async with workers(desk, broker=AWAY) as site:
        _, second = await site.pids()
        assert second is not None
        os.kill(second, signal.SIGTERM)
        await until(lambda: _replaced(site, second))
        assert [line["how"] for line in site.lines("worker_ended")] == ["status 0"]


async def test_a_stopped_worker_holds_no_question_up(desk: Desk) -> None:
    """It hangs; the parent says so, in less than the second that a prober waits."""
    async with workers(desk, broker=AWAY) as site:
        first, _ = await site.pids()
        assert first is not None
        async with asyncio.timeout(20):
            # Until the log is known to be away, its silence is waited for.
            while not all(worker["ready"] for worker in (await site.page("/readyz"))["workers"]):  # noqa: ASYNC110 - a page has no event
                await asyncio.sleep(0.1)
        os.kill(first, signal.SIGSTOP)
        try:
            async with asyncio.timeout(5):
                ready = await site.page("/readyz")
        finally:
            os.kill(first, signal.SIGCONT)
    assert ready["workers"][0]["reason"] == "no_answer"
    assert (ready["ready"], ready["degraded"]) == (True, True)  # the other one has its spool


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_all_in_order(desk: Desk, number: signal.Signals) -> None:
    """Status 0, and nobody is left."""
    async with workers(desk, broker=AWAY) as site:
        pids = await site.pids()
        assert await site.end(number) == 0
        assert not any(alive(pid) for pid in pids if pid)
        assert {line.get("worker") for line in site.lines("stopped")} == {1, 2, None}


async def test_a_signal_for_the_whole_group_ends_all_in_order(desk: Desk) -> None:
    """Ctrl-C reaches workers too, and then the parent's signal: the second is no wish to end at once."""
    async with workers(desk, broker=AWAY, server=("drain_finish = 1.0",)) as site:
        for pid in await site.pids():
            assert pid is not None
            os.kill(pid, signal.SIGINT)
        assert await site.end(signal.SIGINT) == 0
        assert {line.get("worker") for line in site.lines("stopped")} == {1, 2, None}


async def test_a_worker_that_hangs_is_killed_in_time(desk: Desk) -> None:
    """The parent ends within its time all the same."""
    async with workers(desk, broker=AWAY, server=("drain_finish = 1.0",)) as site:
        first, _ = await site.pids()
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        async with asyncio.timeout(6):
            assert await site.end() == 0
        assert not alive(first)
        assert [line["workers"] for line in site.lines("workers_killed")] == [[1]]


async def test_a_second_signal_ends_at_once(desk: Desk) -> None:
    """What was acknowledged is safe; whoever asks twice wants no more waiting."""
    async with workers(desk, broker=AWAY, server=("drain_finish = 20.0",)) as site:
        pids = await site.pids()
        assert pids[0] is not None
        os.kill(pids[0], signal.SIGSTOP)
        site.process.send_signal(signal.SIGTERM)
        await until(lambda: _said(site, "stopping"))
        async with asyncio.timeout(5):
            assert await site.end() == 0
        assert not any(alive(pid) for pid in pids if pid)


async def test_workers_whose_parent_was_killed_end_by_themselves(desk: Desk) -> None:
    """In order, and they take the private folder away."""
    async with workers(desk, broker=AWAY) as site:
        pids = await site.pids()
        site.process.kill()
        await site.process.wait()

        async def gone() -> bool:
            return not any(alive(pid) for pid in pids if pid)

        await until(gone)
        assert {line["worker"] for line in site.lines("stopped")} == {1, 2}


def test_workers_run_the_code_of_their_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module in the working directory that is named like one of ours is not theirs."""
    monkeypatch.setattr(sys, "path", ["/usr/local/bin", *sys.path])
    (tmp_path / "hookline.py").write_text("raise SystemExit(99)")
    done = subprocess.run(worker_command(("version",)), cwd=tmp_path, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


async def _replaced(site: Workers, pid: int | None) -> bool:
    return pid not in await site.pids() and await site.all_answer()


async def _said(site: Workers, event: str) -> bool:
    return bool(await asyncio.to_thread(site.lines, event))
