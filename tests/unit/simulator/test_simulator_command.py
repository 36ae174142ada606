"""`hookline simulate`: what it takes, what it refuses, what it sends."""

import argparse
import asyncio
import base64
import os
import signal
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from hookline.errors import CallError, CommandError
from hookline.simulator import command
from hookline.simulator.api import CloudApi
from hookline.simulator.keyfile import seed_from
from hookline.simulator.latency import Latency
from hookline.simulator.run import Plan, simulate
from hookline.simulator.serving import ApiPlan, serve_alone, served
from hookline.simulator.tally import Report
from hookline.simulator.wording import duration, live_text, summary_rows
from providers.simulation import ApiAnswer, Misbehavior
from tests.support.simulator import SmallCloud, outgoing, receiver


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


@pytest.mark.parametrize("option", [("--rate", "0"), ("--rate", "nan"), ("--count", "-1"), ("--concurrency", "-1")])
def test_a_number_that_makes_no_sense_is_refused(option: tuple[str, str]) -> None:
    """Zero, nothing and less than that."""
    with pytest.raises(SystemExit):
        parsed("--url", "http://127.0.0.1/", *option)


@pytest.mark.parametrize("url", ["http://example.com/", "http://10.0.0.1/", "https://localhost.example.com/"])
def test_another_machine_needs_the_word_for_it(url: str) -> None:
    """No load to strangers by mistake."""
    with pytest.raises(CallError, match="--anywhere"):
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


def refused(*words: str) -> str:
    """Return why a call is refused."""
    with pytest.raises(CallError) as error:
        command.check(parsed(*words))
    return str(error.value)


URL = ("--url", "http://127.0.0.1:9/")
API = ("--api", "127.0.0.1:0")


def test_options_that_do_not_go_together_are_refused() -> None:
    """Each with the option that is missing."""
    assert "--url says where to send" in refused()
    assert "--url says where to send" in refused(*API)
    assert "--count 0 sends nothing" in refused(*URL, "--count", "0")
    assert "for this machine alone" in refused("--api", "0.0.0.0:80", "--count", "0")
    assert "--api HOST:PORT serves it" in refused(*URL, "--misbehave", "slow")
    assert "--url says where" in refused(*API, "--count", "0", "--misbehave", "duplicates")
    for words in ((*URL,), (*URL, *API), (*API, "--count", "0"), (*URL, "--misbehave", "duplicates:3")):
        command.check(parsed(*words))


@pytest.mark.parametrize("option", [("--api", "127.0.0.1"), ("--api", "x:y"), ("--api", ":80"), ("--api", "a:1/b")])
def test_an_address_that_is_none_is_refused(option: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """It ends as a wrong call."""
    with pytest.raises(SystemExit):
        parsed(*option)
    assert "is not HOST:PORT" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["odd", "slow:0", "slow:x", ""])
def test_a_misbehavior_that_is_none_is_refused(word: str) -> None:
    """Neither the kind nor the number may be anything."""
    with pytest.raises(SystemExit):
        parsed(*URL, *API, "--misbehave", word)


def test_misbehaviors_are_gathered() -> None:
    """Each with its number, 1 if none is named."""
    arguments = parsed(*URL, *API, "--misbehave", "slow", "--misbehave", "rate_limit:3")
    assert arguments.misbehave == [("slow", 1), ("rate_limit", 3)]


async def test_the_first_events_are_doubled_if_asked() -> None:
    """As many as asked, on top of the traffic."""
    async with receiver() as received:
        plan = Plan(url=received.url, rate=2000, count=6, duplicates=2, forgeries=False)
        result = await simulate(SmallCloud(), plan, nothing)
    assert (result.report.sent, result.report.duplicates, len(received.bodies)) == (6, 2, 8)


async def test_the_api_is_served_beside_a_run() -> None:
    """A call gives a delivery report, which goes where the traffic goes; the run ends by a signal."""
    cloud = SmallCloud(next_answer=ApiAnswer(status=200, body=b"{}", effect="m1", follow_ups=(outgoing("report"),)))
    tasks: list[asyncio.Task[None]] = []
    arrived = asyncio.Event()

    async def call(base_url: str) -> None:
        async with aiohttp.ClientSession() as session, session.post(f"{base_url}/messages") as answer:
            assert answer.status == 429
        async with aiohttp.ClientSession() as session, session.post(f"{base_url}/messages") as answer:
            assert answer.status == 200
        await arrived.wait()
        os.kill(os.getpid(), signal.SIGINT)

    def believe(*_: object) -> int:
        arrived.set()
        return 200

    async with receiver(believe) as received:
        api = ApiPlan(
            host="127.0.0.1",
            port=0,
            misbehaviors=[(Misbehavior.RATE_LIMIT, 1)],
            told=lambda base_url: tasks.append(asyncio.create_task(call(base_url))),
        )
        plan = Plan(url=received.url, rate=1, count=0)
        result = await simulate(cloud, plan, nothing, partial(served, cloud, api))
        await asyncio.gather(*tasks)
    assert (received.bodies, result.report.clean) == ([b"report:1"], True)


async def test_the_api_is_served_alone_until_a_signal() -> None:
    """Nothing is delivered."""
    api = ApiPlan(host="127.0.0.1", port=0, told=lambda _base_url: os.kill(os.getpid(), signal.SIGTERM))
    async with asyncio.timeout(10.0):
        await serve_alone(SmallCloud(), api)


async def test_an_api_that_cannot_be_served_is_told() -> None:
    """A port that is taken, and a misbehavior that the cloud does not know."""
    taken = CloudApi(SmallCloud())
    port = int((await taken.start()).rsplit(":", 1)[1])
    with pytest.raises(CommandError, match="cannot listen there"):
        await serve_alone(SmallCloud(), ApiPlan(host="127.0.0.1", port=port, told=print))
    await taken.stop()
    odd = ApiPlan(host="127.0.0.1", port=0, misbehaviors=[(Misbehavior.STALE_VERSION, 1)], told=print)
    with pytest.raises(CommandError, match="stale_version"):
        await serve_alone(SmallCloud(), odd)
