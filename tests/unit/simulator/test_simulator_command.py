"""`hookline simulate`: what it takes, what it refuses, what it sends."""

import argparse
import asyncio
import base64
import os
import signal
from pathlib import Path

import pytest

from hookline.errors import CommandError
from hookline.simulator import command
from hookline.simulator.keyfile import seed_from
from hookline.simulator.latency import Latency
from hookline.simulator.run import Plan, simulate
from hookline.simulator.tally import Report
from hookline.simulator.wording import duration, live_text, summary_rows
from tests.support.simulator import SmallCloud, receiver


def parsed(*words: str) -> argparse.Namespace:
    """Return the arguments of a call."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(["telnyx", *words])


def nothing(_report: Report, _in_hand: int) -> None:
    """Show nothing."""


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "127.0.0.1:80", "http://", "http://[::1", "javascript:1", ""])
def test_a_url_that_is_not_http_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends as a wrong call."""
    with pytest.raises(SystemExit) as error:
        parsed("--url", url)
    assert error.value.code == 2
    assert "is not an http:// or https:// URL" in capsys.readouterr().err


@pytest.mark.parametrize("option", [("--rate", "0"), ("--rate", "nan"), ("--count", "0"), ("--concurrency", "-1")])
def test_a_number_that_makes_no_sense_is_refused(option: tuple[str, str]) -> None:
    """Zero, nothing and less than that."""
    with pytest.raises(SystemExit):
        parsed("--url", "http://127.0.0.1/", *option)


@pytest.mark.parametrize("url", ["http://example.com/", "http://10.0.0.1/", "https://localhost.example.com/"])
def test_another_machine_needs_the_word_for_it(url: str) -> None:
    """No load to strangers by mistake."""
    with pytest.raises(CommandError, match="--anywhere"):
        command.run(parsed("--url", url))


@pytest.mark.parametrize("forgeries", [True, False])
async def test_a_run_sends_as_many_as_asked(*, forgeries: bool) -> None:
    """The count is of webhooks, forged ones too unless they are left out."""
    async with receiver() as received:
        plan = Plan(url=received.url, rate=2000, count=10, seed=1, forgeries=forgeries)
        result = await simulate(SmallCloud(), plan, nothing)
    assert result.clean
    assert len(received.bodies) == 10
    assert received.signatures.count("forged-other_key") == (5 if forgeries else 0)


async def test_the_same_seed_gives_the_same_traffic() -> None:
    """So that a run can be done again."""
    bodies = list[list[bytes]]()
    for _ in range(2):
        async with receiver() as received:
            await simulate(SmallCloud(), Plan(url=received.url, rate=2000, count=4, seed=7), nothing)
            bodies.append(sorted(received.bodies))
    assert bodies[0] == bodies[1]


async def test_a_run_keeps_its_rate() -> None:
    """Eleven webhooks at 50 a second take at least 0.2 s."""
    loop = asyncio.get_running_loop()
    async with receiver() as received:
        begun = loop.time()
        await simulate(SmallCloud(), Plan(url=received.url, rate=50, count=11), nothing)
    assert loop.time() - begun >= 0.19


async def test_a_receiver_that_refuses_makes_the_run_fail() -> None:
    """Genuine events that were given up are not a clean run."""
    async with receiver(lambda *_: 401) as received:
        result = await simulate(SmallCloud(), Plan(url=received.url, rate=2000, count=2), nothing)
    assert not result.clean
    assert result.report.given_up == 1


async def test_an_interrupt_ends_the_run_with_its_counts() -> None:
    """Ctrl-C stops the sending; what was sent is told."""

    def interrupt(number: int, *_: object) -> int:
        if number == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return 200

    async with receiver(interrupt) as received:
        plan = Plan(url=received.url, rate=200, count=10_000, forgeries=False)
        result = await simulate(SmallCloud(), plan, nothing)
    assert 3 <= result.report.sent < 100
    assert result.clean


def test_a_key_file_is_made_once_and_kept(tmp_path: Path) -> None:
    """The next run signs with the same key; nobody else may read it."""
    path = tmp_path / "key"
    first, made = seed_from(path)
    again, made_again = seed_from(path)
    assert (made, made_again, len(first)) == (True, False, 32)
    assert first == again
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"not base64!", base64.b64encode(b"short"), b"\xff" * 40])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """It is not overwritten either."""
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(CommandError, match="not a key of the simulator"):
        seed_from(path)
    assert path.read_bytes() == content


def test_an_accepted_forgery_stands_out() -> None:
    """Both the live line and the summary shout it."""
    report = Report(forged=2, refused=1, accepted_forgery=1)
    assert "FORGERIES ACCEPTED 1" in live_text(report, 0)
    assert ("FORGERIES ACCEPTED", "1") in summary_rows(report)


@pytest.mark.parametrize(("seconds", "text"), [(0.00084, "840 µs"), (0.0042, "4.2 ms"), (1.349, "1.35 s")])
def test_durations_have_units(seconds: float, text: str) -> None:
    """A unit that suits the size."""
    assert duration(seconds) == text


def test_the_summary_names_the_latencies() -> None:
    """Median, 99th percentile and the slowest."""
    report = Report(latency=Latency(3, 0.001, 0.002, 0.5))
    assert ("answer time", "p50 1.0 ms, p99 2.0 ms, slowest 500.0 ms") in summary_rows(report)
