"""What goes through the spool: durable while the log is away, in order, and drained when it is back (P1, P2, P4)."""

import asyncio
import contextlib
import errno
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from ingest.settings import SpoolSettings
from ingest.spool.files import OsFiles
from ingest.spool.spool import Spool
from schemas.events import WebhookUnrecognized
from schemas.records import Record
from schemas.topics import INBOUND, WEBHOOKS
from tests.support.receiver import NOW, Bench, MemoryLog, Mood, body_of, receiver, request_bytes, until
from tests.support.sample_provider import POLICY, endpoint, with_policy


@contextlib.asynccontextmanager
async def spooling(
    folder: Path, memory: MemoryLog | None = None, *, name: str = "main", **limits: int
) -> AsyncGenerator[Bench, None]:
    """Give a receiver with a spool."""
    spool = Spool(SpoolSettings(dir=str(folder), **limits), clock=lambda: NOW)
    async with receiver(memory, [endpoint(name=name)], spool=spool) as bench:
        yield bench


def numbered(number: int) -> bytes:
    """Return the request of one of many webhooks."""
    return request_bytes(body_of(id=f"m{number}"))


def stored(memory: MemoryLog) -> list[str]:
    """Return the message ids that are stored, in order."""
    return [_id(record) for record in memory.records if record.topic == INBOUND.name]


def _id(record: Record) -> str:
    return (record.value or b"").partition(b'"message_id":"')[2].partition(b'"')[0].decode()


async def test_with_the_log_away_a_webhook_is_spooled_and_answered_with_success(tmp_path: Path) -> None:
    """At once, counted as spooled, and nothing is in the log."""
    async with spooling(tmp_path, MemoryLog(Mood.AWAY)) as bench:
        answer = await bench.ask(numbered(1))
        assert answer.status == POLICY.success_status
        assert bench.value("webhooks_total", account="main", outcome="spooled") == 1
        status = bench.server.spool_status
        assert status is not None
        assert (status.own, bench.memory.records) == (1, [])


async def test_a_log_that_hangs_is_left_at_broker_wait_and_the_webhook_is_spooled(tmp_path: Path) -> None:
    """The answer comes before `answer_by`."""
    async with spooling(tmp_path, MemoryLog(Mood.HUNG)) as bench:
        bench.memory.mood = Mood.WELL
        bench.memory.gate = asyncio.Event()
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await bench.ask(numbered(1))
        taken = loop.time() - began
        assert answer.status == POLICY.success_status
        assert POLICY.broker_wait - 0.1 <= taken < POLICY.answer_by
        bench.memory.gate.set()


async def test_a_log_that_turns_unhealthy_is_left_at_once(tmp_path: Path) -> None:
    """Whatever time the provider would have left: nobody waits for a log that is known to be away."""
    patient = endpoint(with_policy(broker_wait=30.0, answer_by=60.0))
    memory = MemoryLog(gate=asyncio.Event())
    spool = Spool(SpoolSettings(dir=str(tmp_path)), clock=lambda: NOW)
    async with receiver(memory, [patient], spool=spool) as bench:
        asked = asyncio.create_task(bench.ask(numbered(1)))
        await until(lambda: memory.appending == 1)
        memory.mood = Mood.AWAY
        async with asyncio.timeout(5):
            assert (await asked).status == POLICY.success_status
        assert bench.value("webhooks_total", account="main", outcome="spooled") == 1
        assert bench.value("append_failures_total", reason="log_left") == 1


async def test_a_broken_spool_is_passed_by_where_the_log_may_take(tmp_path: Path) -> None:
    """A disk that fails must not cost what a log that is only suspected could store."""
    memory = MemoryLog()
    async with spooling(tmp_path, memory) as bench:
        memory.suspect = True
        assert bench.server._spool is not None
        await bench.server._spool.stop()
        assert (await bench.ask(numbered(1))).status == POLICY.success_status
        assert bench.value("append_failures_total", reason="spool_failed") == 1
        assert len(memory.webhooks) == 1


async def test_what_was_spooled_reaches_the_log_in_order_when_it_is_back(tmp_path: Path) -> None:
    """All of it, raw and events, and then the spool is empty and webhooks go directly again."""
    async with spooling(tmp_path, MemoryLog(Mood.AWAY)) as bench:
        for number in range(20):
            await bench.ask(numbered(number))
        bench.memory.mood = Mood.WELL
        await until(lambda: bench.server.drained == 20)
        assert stored(bench.memory) == [f"m{number}" for number in range(20)]
        await until(lambda: bench.server._storing.gate.open)
        await bench.ask(numbered(20))
        assert bench.value("webhooks_total", account="main", outcome="stored") == 1
        assert len(bench.memory.webhooks) == 21


async def test_while_the_spool_holds_records_later_ones_wait_behind_them(tmp_path: Path) -> None:
    """Also with a log that is healthy again: the order of what came is the order in the log (P4)."""
    memory = MemoryLog(Mood.AWAY)
    async with spooling(tmp_path, memory) as bench:
        await bench.ask(numbered(0))
        memory.gate = asyncio.Event()
        memory.mood = Mood.WELL
        await until(lambda: memory.appending == 1)
        later = await bench.ask(numbered(1))
        assert later.status == POLICY.success_status
        assert bench.value("webhooks_total", account="main", outcome="spooled") == 2
        memory.gate.set()
        await until(lambda: len(memory.webhooks) == 2)
        assert stored(memory) == ["m0", "m1"]


async def test_steady_traffic_does_not_keep_the_spool_from_running_dry(tmp_path: Path) -> None:
    """Near the end newcomers are held for a moment; the order holds through the change of ways."""
    memory = MemoryLog(Mood.AWAY, delay=0.01)
    async with spooling(tmp_path, memory) as bench, bench.connect() as wire:
        sent = 0

        async def one_more() -> None:
            nonlocal sent
            await wire.send(numbered(sent))
            assert (await wire.answer()).status == POLICY.success_status
            sent += 1

        for _ in range(50):
            await one_more()
        memory.mood = Mood.WELL
        async with asyncio.timeout(10):
            while not bench.value("webhooks_total", account="main", outcome="stored"):
                await one_more()
        assert stored(memory) == [f"m{number}" for number in range(sent)]


async def test_a_restart_drains_what_the_last_one_left(tmp_path: Path) -> None:
    """SIGTERM leaves the spool as it is; the next start takes it over, and answers go through the spool until then."""
    async with spooling(tmp_path, MemoryLog(Mood.AWAY)) as bench:
        await bench.ask(numbered(1))
    async with spooling(tmp_path) as bench:
        await until(lambda: len(bench.memory.webhooks) == 1)
        assert stored(bench.memory) == ["m1"]


async def test_a_record_whose_account_has_left_the_config_is_published_unrecognized(tmp_path: Path) -> None:
    """Raw, and visible."""
    async with spooling(tmp_path, MemoryLog(Mood.AWAY)) as bench:
        await bench.ask(numbered(1))
    async with spooling(tmp_path, name="other") as bench:
        await until(lambda: len(bench.memory.webhooks) == 1)
        (found,) = [delivered.event for delivered in bench.memory.events]
        assert isinstance(found, WebhookUnrecognized)
        assert (found.account, found.reason) == ("main", "account_not_configured")
        assert bench.memory.webhooks[0].body == body_of(id="m1")


async def test_a_full_spool_gets_the_retry_status(tmp_path: Path) -> None:
    """At once, counted, and it goes on when there is room."""
    async with spooling(tmp_path, MemoryLog(Mood.AWAY), max_bytes=1) as bench:
        await bench.ask(numbered(0))
        answer = await bench.ask(numbered(1))
        assert (answer.status, answer.headers["retry-after"]) == (503, "7")
        assert bench.value("append_failures_total", reason="spool_full") >= 1
        bench.memory.mood = Mood.WELL
        await until(lambda: bench.server._storing.gate.open)
        assert (await bench.ask(numbered(1))).status == POLICY.success_status


class Kept(OsFiles):
    """A disk on which no segment can be removed."""

    def unlink(self, path: Path) -> None:
        """Fail for segments."""
        if path.suffix == ".seg":
            raise OSError(errno.EPERM, "not permitted")
        super().unlink(path)


class _FullDisk(OsFiles):
    """A disk without room, once it is `full`. It counts what it is asked to write."""

    full = False
    writes = 0

    def write(self, handle: int, data: bytes) -> None:
        """Write, or fail as a full disk does."""
        if self.full:
            self.writes += 1
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(handle, data)


async def test_a_full_disk_is_not_tried_for_each_of_many_webhooks(tmp_path: Path) -> None:
    """All get the retry status, and only a few cost a signature and a write: senders that come again are many."""
    files = _FullDisk()
    spool = Spool(SpoolSettings(dir=str(tmp_path)), files=files, clock=lambda: NOW)
    async with receiver(MemoryLog(Mood.AWAY), [endpoint()], spool=spool) as bench:
        files.full = True
        answers = [await bench.ask(numbered(number)) for number in range(50)]
        assert {answer.status for answer in answers} == {POLICY.retry_status}
        assert files.writes < 50
        assert bench.value("webhooks_total", account="main", outcome="unavailable") == 50


async def test_a_disk_that_has_room_again_takes_webhooks_within_a_moment(tmp_path: Path) -> None:
    """Nobody has to tell the receiver."""
    files = _FullDisk()
    spool = Spool(SpoolSettings(dir=str(tmp_path)), files=files, clock=lambda: NOW)
    async with receiver(MemoryLog(Mood.AWAY), [endpoint()], spool=spool) as bench:
        files.full = True
        assert (await bench.ask(numbered(0))).status == POLICY.retry_status
        files.full = False
        async with asyncio.timeout(5):
            while (await bench.ask(numbered(1))).status != POLICY.success_status:
                pass
        assert bench.value("webhooks_total", account="main", outcome="spooled") == 1


async def test_a_spool_that_is_full_of_what_is_published_is_passed_by(tmp_path: Path) -> None:
    """Its segments cannot be removed, the log is only suspected: an append proves it, and nothing is overtaken."""
    memory = MemoryLog(Mood.AWAY)
    spool = Spool(SpoolSettings(dir=str(tmp_path), max_bytes=1000), clock=lambda: NOW, files=Kept())
    async with receiver(memory, [endpoint()], spool=spool) as bench:
        number = 0
        while (await bench.ask(numbered(number))).status == POLICY.success_status:
            number += 1
        assert not memory.webhooks
        memory.mood = Mood.WELL
        await until(lambda: not spool.gating)
        assert spool.status().full
        memory.suspect = True
        assert bench.server.readiness().ready
        assert (await bench.ask(numbered(number))).status == POLICY.success_status
        assert len(memory.webhooks) == number + 1


async def test_one_record_that_the_log_refuses_does_not_stop_those_behind_it(tmp_path: Path) -> None:
    """Its events are set aside; where the raw record is refused too, it is kept in a file and reported."""
    refused = body_of(id="m1")
    memory = MemoryLog(Mood.AWAY, refuses=lambda record: record.topic == WEBHOOKS.name and record.value == refused)
    async with spooling(tmp_path, memory) as bench:
        for number in range(3):
            await bench.ask(numbered(number))
        memory.mood = Mood.WELL
        await until(lambda: bench.server.drained == 3)
        assert stored(memory) == ["m0", "m2"]
        status = bench.server.spool_status
        assert status is not None
        assert status.set_aside == 1


async def test_a_repeat_that_comes_while_the_first_is_on_its_way_waits_for_it(tmp_path: Path) -> None:
    """Both are answered with success, and the webhook is stored once."""
    memory = MemoryLog(gate=asyncio.Event())
    async with spooling(tmp_path, memory) as bench:
        assert memory.gate is not None
        both = [asyncio.create_task(bench.ask(numbered(1))) for _ in range(2)]
        await until(lambda: memory.appending == 1)
        await asyncio.sleep(0.05)
        memory.gate.set()
        answers = await asyncio.gather(*both)
        assert [answer.status for answer in answers] == [POLICY.success_status] * 2
        assert len(memory.webhooks) == 1
        assert bench.value("webhooks_total", account="main", outcome="duplicate") == 1


async def test_a_repeat_takes_the_place_of_a_first_copy_that_failed() -> None:
    """An id is remembered only after durable storage."""
    memory = MemoryLog(Mood.AWAY)
    async with receiver(memory) as bench:
        assert (await bench.ask(numbered(1))).status == 503
        memory.mood = Mood.WELL
        assert (await bench.ask(numbered(1))).status == POLICY.success_status
        assert len(memory.webhooks) == 1


@pytest.mark.parametrize("change", [{"text": "another"}, {"id": "m2"}])
async def test_what_differs_in_anything_is_stored(change: dict[str, str]) -> None:
    """A duplicate that carries a new state is never dropped."""
    async with receiver() as bench:
        await bench.ask(request_bytes(body_of(id="m1")))
        await bench.ask(request_bytes(body_of(**{"id": "m1", **change})))
        assert len(bench.memory.webhooks) == 2


async def test_a_repeat_whose_proof_is_too_old_by_now_gets_the_success_status() -> None:
    """Judged by the time at which the first copy came (P13); what was never stored is refused as before."""
    now = [NOW]
    async with receiver(clock=lambda: now[0]) as bench:
        assert (await bench.ask(numbered(1))).status == POLICY.success_status
        now[0] = -1.0  # the sample's verifier finds every proof too old then
        assert (await bench.ask(numbered(1))).status == POLICY.success_status
        assert (await bench.ask(numbered(2))).status == 401
        assert (await bench.ask(request_bytes(body_of(id="m1"), secret="wrong"))).status == 401
        assert len(bench.memory.webhooks) == 1


async def test_bodies_in_flight_are_bounded_in_bytes() -> None:
    """One always has room; beside it the next gets the retry status."""
    memory = MemoryLog(gate=asyncio.Event())
    async with receiver(memory, max_in_flight_bytes=10) as bench:
        assert memory.gate is not None
        first = asyncio.create_task(bench.ask(numbered(1)))
        await until(lambda: memory.appending == 1)
        assert (await bench.ask(numbered(2))).status == 503
        memory.gate.set()
        assert (await first).status == POLICY.success_status


async def test_under_overload_the_retry_status_comes_before_any_work() -> None:
    """No signature is checked: a stranger gets it too."""
    async with receiver() as bench:
        admission = bench.server._receiver.admission
        await admission.stop()
        for _ in range(2):
            admission.note(60.0)
        answer = await bench.ask(request_bytes(body_of(), secret="wrong"))
        assert (answer.status, answer.headers["retry-after"]) == (503, "7")
        assert bench.value("webhooks_total", account="main", outcome="overloaded") == 1


def ruin(folder: Path, part: bytes) -> None:
    """Change the first byte of the last such part in the only segment."""
    (segment,) = folder.glob("w-*/*.seg")
    data = segment.read_bytes()
    at = data.rindex(part)
    segment.write_bytes(data[:at] + b"X" + data[at + 1 :])


@pytest.mark.parametrize(("ruined", "again"), [(b"m1", {1}), (bytes.fromhex("d7484b01"), {0, 1, 2})])
async def test_a_repeat_heals_a_record_that_is_damaged_in_the_spool(
    tmp_path: Path, ruined: bytes, again: set[int]
) -> None:
    """With its id known that one is stored anew, without it all that waited: nothing acknowledged is lost."""
    memory = MemoryLog(Mood.AWAY)
    async with spooling(tmp_path, memory) as bench:
        for number in range(3):
            await bench.ask(numbered(number))
        await asyncio.to_thread(ruin, tmp_path, ruined)
        memory.mood = Mood.WELL
        await until(lambda: bench.server._storing.gate.open)
        before = len(memory.webhooks)
        assert before == 2
        for number in range(3):
            assert (await bench.ask(numbered(number))).status == POLICY.success_status
        bodies = [webhook.body for webhook in memory.webhooks]
        assert {body_of(id=f"m{number}") for number in range(3)} == set(bodies)
        assert set(bodies[before:]) == {body_of(id=f"m{number}") for number in again}
