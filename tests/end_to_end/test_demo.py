"""The demo as a person runs it, and that its final check would see a loss."""

import asyncio
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.log import Log, Partition
from hookline.demo import folder as files
from hookline.demo import settle as settling
from hookline.demo import show as showing
from hookline.demo.books import Stored
from hookline.demo.collect import stored_of
from hookline.demo.folder import Folder, opened
from hookline.demo.show import Options, Outcome, Show
from hookline.demo.sites import PLACES, Place, new_sites
from hookline.demo.summary import rows, verdict
from hookline.demo.view import View
from schemas.records import StoredRecord
from schemas.topics import COMMANDS, INBOUND, RESULTS, WEBHOOKS

ALL_WELL = "All well: what was acknowledged is in the log"
NOTHING_MIXED = f"Nothing mixed: events, replies and confirmations of {len(PLACES)} accounts"
TWO = PLACES[:2]
"""The two accounts at Telnyx: a run with them alone has no polls to wait for."""

Collect = Callable[[Log], Awaitable[Mapping[str, Stored]]]


async def started(*words: str) -> Process:
    """Start the demo as a process of its own, without a terminal."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hookline", "demo", *words, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=STDOUT
    )


async def ended(process: Process) -> str:
    """Return what the process printed until its end."""
    try:
        async with asyncio.timeout(45):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode()


async def lines_until(process: Process, wanted: str) -> str:
    """Return what the process prints, up to the line that fits the pattern."""
    assert process.stdout is not None
    text = ""
    async with asyncio.timeout(30):
        while not re.search(wanted, text):
            line = await process.stdout.readline()
            assert line, text
            text += line.decode()
    return text


async def test_the_demo_ends_by_itself_with_a_clean_summary(tmp_path: Path) -> None:
    """`hookline demo --for 5` sends, stores, replies, checks, and says so with exit status 0."""
    process = await started("--for", "5", "--dir", str(tmp_path), "--rate", "15")
    output = await ended(process)
    assert process.returncode == 0, output
    sent, acknowledged = (
        re.search(rf"^{name}: (\d+)$", output, re.MULTILINE) for name in ("events sent", "acknowledged")
    )
    assert sent is not None
    assert acknowledged is not None
    assert int(sent[1]) == int(acknowledged[1]) >= 50
    assert "lost: 0 webhooks, 0 events" in output
    replies = re.search(r"^replies: (\d+) sent of (\d+) expected$", output, re.MULTILINE)
    assert replies is not None
    assert int(replies[1]) == int(replies[2]) >= 3
    assert ALL_WELL in output
    assert NOTHING_MIXED in output
    for place in PLACES:
        figures = re.search(
            rf"^{place.account} \(.+\): sent (\d+), acknowledged (\d+), stored (\d+), replies \d+ of \d+",
            output,
            re.MULTILINE,
        )
        assert figures is not None, place
        assert int(figures[1]) == int(figures[2]) == int(figures[3]) > 0
    pasted = await asyncio.to_thread((tmp_path / "request" / "paste.txt").read_text)
    assert {line for line in pasted.splitlines() if line.startswith("curl -i")} <= set(output.splitlines())
    assert pasted.count("curl -i") == 1


async def test_an_outage_loses_nothing(tmp_path: Path) -> None:
    """`--outage 9`: all that comes meanwhile is acknowledged in time, spooled, drained, answered once."""
    process = await started("--outage", "9", "--dir", str(tmp_path), "--rate", "15")
    output = await ended(process)
    assert process.returncode == 0, output
    assert re.search(r"BROKER AWAY, back in \d+ s, log away · spool [1-9]", output), output
    assert re.search(r"^broker away: 9\.\d+ s, noticed after ", output, re.MULTILINE), output
    spooled = re.search(r"^spooled: (\d+), drained (\d+), left 0$", output, re.MULTILINE)
    assert spooled is not None, output
    assert int(spooled[1]) == int(spooled[2]) >= 10
    slowest = re.search(r"^answers meanwhile: \d+, .* slowest (\d+\.\d+) (m?s)$", output, re.MULTILINE)
    assert slowest is not None, output
    assert float(slowest[1]) / (1000 if slowest[2] == "ms" else 1) < 4.0
    assert "lost: 0 webhooks, 0 events" in output
    assert "given up" not in output
    assert ALL_WELL in output
    assert NOTHING_MIXED in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_demo_with_its_summary(tmp_path: Path, number: signal.Signals) -> None:
    """Without `--for` it goes on until Ctrl-C, then checks as well; and it runs in the same folder again."""
    process = await started("--dir", str(tmp_path))
    await lines_until(process, r"running: sent [1-9]")
    process.send_signal(number)
    output = await ended(process)
    assert process.returncode == 0, output
    assert ALL_WELL in output


async def test_the_lines_for_a_second_terminal_work(tmp_path: Path) -> None:
    """The signed request is accepted, and `tail` reads the log by the written configuration."""
    process = await started("--dir", str(tmp_path))
    try:
        text = await lines_until(process, "running: sent 0")
        url = re.search(r"^curl .* (http\S+)$", text, re.MULTILINE)
        assert url is not None
        status, _ = await posted(url[1], tmp_path)
        assert status == 200
        config = str(tmp_path / "hookline.toml")
        tail = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hookline", "tail", "--config", config, "--topic", "messaging.inbound.v1",
            "--from", "earliest", "--no-follow", stdout=PIPE,
        )  # fmt: skip
        assert b'"messaging.inbound.v1"' in (await tail.communicate())[0]
    finally:
        process.send_signal(signal.SIGINT)
        output = await ended(process)
    assert process.returncode == 0, output


async def posted(url: str, folder: Path) -> tuple[int, str]:
    """Post the prepared request as `curl` would."""
    import aiohttp

    lines = (folder / "request" / "headers.txt").read_text().splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    body = (folder / "request" / "body.json").read_bytes()
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status, await response.text()


class Hiding:
    """A log that hides records of one topic: what a log that loses looks like to its readers."""

    def __init__(self, log: Log, topic: str) -> None:
        self._log, self._topic = log, topic
        self._hidden: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        """Return what the log has."""
        return getattr(self._log, name)

    async def read(self, partition: Partition, offset: int, end: int) -> AsyncIterator[StoredRecord]:
        """Yield the records, all but the first of the topic and its repeats."""
        async for record in self._log.read(partition, offset, end):
            # By id: a repeat was made at another time, so its value differs.
            if record.topic == self._topic and self._hidden in (None, record.header("ce_id")):
                self._hidden = record.header("ce_id")
            else:
                yield record


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """Return a folder that is ready, opened outside of the loop as the command does it."""
    with opened(tmp_path) as found:
        yield found


async def short_demo(
    folder: Folder, collect: Collect, patch: pytest.MonkeyPatch, places: Sequence[Place] = TWO, seconds: float = 1.5
) -> Outcome:
    """Run the demo for a second or two in this process, where a blocked loop is an error."""
    patch.setattr(showing, "stored_of", collect)

    async def ready(_url: str) -> None:
        """Nothing is printed."""

    def paint(_view: View) -> None:
        """Nothing is drawn."""

    options = Options(rate=40, seconds=seconds, refresh=0.2)
    return await Show(new_sites(places), folder, options).run(ready, paint)


async def test_a_run_in_this_process_is_clean(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference for the tests below, with all accounts, and no call blocks the loop."""
    outcome = await short_demo(folder, stored_of, monkeypatch, PLACES)
    assert outcome.clean, verdict(outcome)
    assert ("lost", "0 webhooks, 0 events") in rows(outcome)


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        (WEBHOOKS.name, "acknowledged webhooks are not in the log"),
        ("messaging.delivery.v1", "events of acknowledged webhooks are not in the log"),
        (COMMANDS.name, "messages got no answer"),
        (RESULTS.name, "commands were not sent exactly once"),
    ],
)
async def test_a_record_that_is_gone_is_noticed(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, topic: str, words: str
) -> None:
    """One record less in any topic, and the demo says what is missing instead of `all well`."""

    async def collect(log: Log) -> Mapping[str, Stored]:
        hiding: Any = Hiding(log, topic)
        return await stored_of(hiding)

    outcome = await short_demo(folder, collect, monkeypatch)
    assert not outcome.clean
    assert any(f"1 {words}" in line for line in verdict(outcome)), verdict(outcome)


class Moving:
    """A log that shows the first record of `main` in one topic under `second`: what a mix-up looks like to readers."""

    def __init__(self, log: Log, topic: str) -> None:
        self._log, self._topic = log, topic
        self._moved: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        """Return what the log has."""
        return getattr(self._log, name)

    async def read(self, partition: Partition, offset: int, end: int) -> AsyncIterator[StoredRecord]:
        """Yield the records, the one and its repeats under the other account."""
        async for record in self._log.read(partition, offset, end):
            ours = record.topic == self._topic and record.header("ce_account") == b"main"
            if ours and self._moved in (None, record.header("ce_id")):
                self._moved = record.header("ce_id")
                others = [header for header in record.headers if header[0] != "ce_account"]
                yield replace(record, headers=(("ce_account", b"second"), *others))
            else:
                yield record


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        (WEBHOOKS.name, "1 webhooks of main are in the log under second"),
        (INBOUND.name, "1 events, commands or results of second name messages of main"),
        (COMMANDS.name, "1 messages of main were answered by commands of second"),
        (RESULTS.name, "1 commands of main have a result of second"),
    ],
)
async def test_a_record_under_another_account_is_noticed(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, topic: str, words: str
) -> None:
    """One record in any topic, and the demo says what mixed instead of `all well`."""

    async def collect(log: Log) -> Mapping[str, Stored]:
        moving: Any = Moving(log, topic)
        return await stored_of(moving)

    outcome = await short_demo(folder, collect, monkeypatch)
    assert not outcome.clean
    assert words in outcome.audit.mixed


Accounts = Mapping[str, Sequence[str]]
"""The lines of each account in the configuration."""


def configured(patch: pytest.MonkeyPatch, change: Callable[[Accounts], Accounts]) -> None:
    """Let the demo write what `change` makes of the accounts."""
    written = files.write_config

    def changed(where: Folder, accounts: Accounts, ports: Sequence[int]) -> None:
        written(where, {**accounts, **change(accounts)}, ports)

    patch.setattr(files, "write_config", changed)


def with_calls_of(other: Sequence[str], own: Sequence[str], *settings: str) -> Sequence[str]:
    """Return an account's own lines, with those settings as the other account has them."""
    return [*(line for line in own if not line.startswith(settings)), *(x for x in other if x.startswith(settings))]


async def test_replies_through_the_wrong_account_are_noticed(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second account calls the API of the first with its key: every call succeeds, and all is wrong."""

    def crossed(accounts: Accounts) -> Accounts:
        return {"second": with_calls_of(accounts["main"], accounts["second"], "api_key", "base_url")}

    configured(monkeypatch, crossed)
    # Long enough that a slow machine too gets to a message of the second account that is answered.
    outcome = await short_demo(folder, stored_of, monkeypatch, seconds=4.0)
    assert not outcome.clean
    assert any(re.fullmatch(r"\d+ replies of second were sent through main", line) for line in outcome.audit.mixed)


async def test_an_account_that_believes_another_is_noticed(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second account trusts the key of the first too: genuine webhooks of the first get in at its URL."""

    def trusting(accounts: Accounts) -> Accounts:
        own = [line for line in accounts["second"] if not line.startswith("public_keys")]
        lines = [line for name in ("second", "main") for line in accounts[name] if line.startswith("public_keys")]
        keys = ", ".join(line.partition("[")[2].rstrip("]") for line in lines)
        return {"second": [*own, f"public_keys = [{keys}]"]}

    configured(monkeypatch, trusting)
    outcome = await short_demo(folder, stored_of, monkeypatch)
    assert not outcome.clean
    assert outcome.view.report.accepted_forgery > 0
    assert any(re.fullmatch(r"second: \d+ forged webhooks are in the log", line) for line in outcome.audit.lines())


async def test_what_nobody_confirms_is_noticed(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider keeps what it told, and the demo waits for the confirmations in vain."""
    monkeypatch.setattr(settling, "PATIENCE", 1.0)
    kept = ("confirm", "polls")
    silent = ("confirm = false", "polls = []")
    configured(monkeypatch, lambda accounts: {"scg": with_calls_of(silent, accounts["scg"], *kept)})
    outcome = await short_demo(folder, stored_of, monkeypatch, [place for place in PLACES if place.account == "scg"])
    assert not outcome.settled
    assert any(re.fullmatch(r"scg: \d+ items were not confirmed", line) for line in outcome.audit.lines())


async def test_confirmations_at_the_wrong_cloud_are_noticed(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two accounts at MessageMedia, of which one confirms at the cloud of the other."""
    monkeypatch.setattr(settling, "PATIENCE", 3.0)
    calls = ("api_key", "api_secret", "base_url")
    configured(monkeypatch, lambda accounts: {"other": with_calls_of(accounts["mm"], accounts["other"], *calls)})
    places = [PLACES[0], *(Place(name, "messagemedia") for name in ("mm", "other"))]
    outcome = await short_demo(folder, stored_of, monkeypatch, places)
    assert not outcome.clean
    wanted = r"\d+ confirmations at mm were of what it never had"
    assert any(re.fullmatch(wanted, line) for line in outcome.audit.mixed), outcome.audit.lines()
