"""Log lines hold nothing up and quote nobody."""

import asyncio
import io
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import orjson
import pytest
import structlog
from prometheus_client import CollectorRegistry

from hookline.configuration.settings import LoggingSettings
from hookline.process.application import Application
from hookline.process.line_writer import LineWriter, dropped_lines
from hookline.process.logs import configure_logs
from hookline.process.metrics import ProcessMetrics

NUMBER = "+13125550001"


@pytest.fixture
def pipe() -> Iterator[tuple[int, io.TextIOWrapper]]:
    """Give a pipe: the descriptor to read from, which nobody does unasked, and a stream that writes to it."""
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor has no path
        yield reading, stream
    os.close(reading)


def read_for(reading: int, size: int) -> bytes:
    """Return that many bytes of a pipe."""
    found = b""
    while len(found) < size:
        found += os.read(reading, size - len(found))
    return found


async def test_a_stream_that_nobody_reads_does_not_stop_the_loop(pipe: tuple[int, io.TextIOWrapper]) -> None:
    """Far more than a pipe holds is logged at once; beyond the bound lines are dropped and counted."""
    reading, stream = pipe
    writer, before, line = LineWriter(stream, bound=50), dropped_lines(), "x" * 10_000
    began = time.monotonic()
    for _ in range(1000):
        writer.info(line)
    assert time.monotonic() - began < 1.0
    dropped = dropped_lines() - before
    assert 700 < dropped < 1000
    await asyncio.to_thread(read_for, reading, (1000 - dropped) * (len(line) + 1))
    assert await asyncio.to_thread(writer.flush)


def test_lines_come_in_order_and_whole(pipe: tuple[int, io.TextIOWrapper]) -> None:
    """One line each, also where the pipe is somebody's non-blocking one."""
    reading, stream = pipe
    os.set_blocking(stream.fileno(), False)
    writer = LineWriter(stream)
    lines = [f"{number} é {'x' * 200}" for number in range(2000)]
    for line in lines:
        writer.info(line)
    expected = ("\n".join(lines) + "\n").encode()
    assert read_for(reading, len(expected)) == expected


def test_a_reader_that_has_gone_is_counted_and_no_more(tmp_path: Path) -> None:
    """A closed pipe raises in nobody's face."""
    del tmp_path
    reading, writing = os.pipe()
    os.close(reading)
    before = dropped_lines()
    with open(writing, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor has no path
        writer = LineWriter(stream)
        writer.info("anybody?")
        assert writer.flush()
    assert dropped_lines() == before + 1


def test_the_end_of_a_process_writes_what_is_waiting() -> None:
    """Whoever logs and ends has logged."""
    code = (
        "import structlog; from hookline.configuration.settings import LoggingSettings;"
        "from hookline.process.logs import configure_logs; configure_logs(LoggingSettings());"
        "[structlog.get_logger().info('line', number=n) for n in range(500)]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=30)
    assert [orjson.loads(line)["number"] for line in done.stderr.splitlines()] == list(range(500))


def test_a_process_whose_stderr_nobody_reads_ends(pipe: tuple[int, io.TextIOWrapper]) -> None:
    """The wait for the last lines has a bound."""
    code = (
        "import sys; from hookline.process.line_writer import LineWriter; writer = LineWriter(sys.stderr);"
        "[writer.info('x' * 10_000) for _ in range(50)]"
    )
    began = time.monotonic()
    assert subprocess.run([sys.executable, "-c", code], stderr=pipe[1], check=False, timeout=30).returncode == 0
    assert time.monotonic() - began < 10


def test_dropped_lines_are_a_figure() -> None:
    """It is there from the start, and follows."""
    registry = CollectorRegistry()
    ProcessMetrics(registry)
    before = registry.get_sample_value("hookline_log_lines_dropped_total")
    LineWriter(StringIO(), bound=0).info("one too many")
    assert before is not None
    assert registry.get_sample_value("hookline_log_lines_dropped_total") == before + 1


def logged_trace(error: BaseException, form: str = "json") -> str:
    """Return what is written of an exception."""
    stream = StringIO()
    writer = configure_logs(LoggingSettings(format=form), stream)
    structlog.get_logger().error("failed", exc_info=error)
    assert writer.flush()
    return stream.getvalue()


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """Return an exception that has passed a frame."""
    try:
        raise error from cause  # noqa: TRY301 - to be caught is what it is for
    except BaseException as caught:  # noqa: BLE001 - whatever it is, it is ours
        return caught


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (raised(ValueError(NUMBER)), ["ValueError", "test_front_log_lines.py:"]),
        (raised(ValueError(NUMBER), raised(KeyError(NUMBER))), ["ValueError", "caused by KeyError"]),
        (raised(ExceptionGroup(NUMBER, [OSError(NUMBER)])), ["ExceptionGroup of OSError"]),
    ],
)
def test_an_exception_is_its_class_and_its_places(form: str, error: BaseException, words: list[str]) -> None:
    """Its words may quote a message."""
    said = logged_trace(error, form)
    assert [word for word in words if word not in said] == []
    assert NUMBER not in said


def test_a_library_that_logs_an_exception_quotes_nobody() -> None:
    """Neither by the exception's words nor by its own, which repeat them."""
    stream = StringIO()
    writer = configure_logs(LoggingSettings(), stream)
    error = raised(ValueError(NUMBER))
    logging.getLogger("asyncio").error("Task exception: %r", error, exc_info=error)
    assert writer.flush()
    line = orjson.loads(stream.getvalue())
    assert (line["library"], line["exception"].splitlines()[0]) == ("asyncio", "ValueError")
    assert NUMBER not in stream.getvalue()


async def test_a_step_of_the_end_that_fails_quotes_nobody() -> None:
    """Its class is enough."""
    stream = StringIO()
    writer = configure_logs(LoggingSettings(), stream)

    async def broken() -> None:
        raise ValueError(NUMBER)

    await Application._bounded(object.__new__(Application), "log", broken(), 1.0)
    assert await asyncio.to_thread(writer.flush)
    assert "stop_step_failed" in stream.getvalue()
    assert "ValueError" in stream.getvalue()
    assert NUMBER not in stream.getvalue()
