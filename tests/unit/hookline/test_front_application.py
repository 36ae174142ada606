"""The application: what starts, what the admin address says, and how it ends."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path

import aiohttp
import orjson
import pytest
import structlog
from prometheus_client import CollectorRegistry

from broker.embedded import EmbeddedLog
from consumers.catalogue import CONSUMERS
from consumers.confirm.consumer import confirm
from consumers.consent.book import ConsentBook
from consumers.consent.consumer import consent
from consumers.loop.run import ConsumerHealth
from consumers.metrics import ConsumerMetrics
from consumers.mirror.client import OldHandlers
from consumers.mirror.consumer import mirror
from consumers.send.consumer import send
from consumers.state.database import Database
from consumers.state.ledger import Ledger
from consumers.track.consumer import Tracker, track
from hookline.configuration.addresses import Address, AddressError, parse_address
from hookline.configuration.config import load_config
from hookline.configuration.settings import LoggingSettings
from hookline.consuming.workers import Worker
from hookline.process.admin import AdminServer, Answer, ListenFailedError
from hookline.process.application import Application, Role
from hookline.process.logs import configure_logs
from hookline.topics import all_topics
from tests.support.admin import ask, until
from tests.support.front import BODY, HOOKLINE, Desk, clean_environment, free_ports
from tests.support.replying import answering

ALL = frozenset(Role)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder with a sound configuration."""
    made = Desk(tmp_path)
    made.key_file()
    made.write_sound('api_key = "file:api.key"', "[consumers.auto_reply]", 'default_reply = "Thanks."')
    return made


@asynccontextmanager
async def running(desk: Desk, roles: frozenset[Role] = ALL) -> AsyncGenerator[Application]:
    """Run an application on free ports."""
    config = await asyncio.to_thread(load_config, desk.config, {})
    application = Application(config, roles)
    await application.start()
    try:
        yield application
    finally:
        await application.stop()


async def test_a_receiver_that_can_store_is_ready(desk: Desk) -> None:
    """`/readyz` is 200 and says so."""
    async with running(desk) as application:
        status, body = await ask(application.admin_address, "/readyz")
    assert (status, orjson.loads(body)) == (200, {"ready": True, "degraded": False, "reason": "ready"})


async def test_health_shows_every_consumer(desk: Desk) -> None:
    """With its state, and the version."""
    async with running(desk) as application:

        async def both_run() -> bool:
            _, body = await ask(application.admin_address, "/healthz")
            shown = orjson.loads(body)["consumers"]
            assert shown.keys() == ALL - {Role.INGEST}
            return all(consumer["running"] for consumer in shown.values())

        await until(both_run)


async def test_metrics_come_from_every_room(desk: Desk) -> None:
    """Receiver, consumers and process in one page."""
    async with running(desk) as application:
        status, body = await ask(application.admin_address, "/metrics")
    assert status == 200
    for name in (
        b"hookline_webhooks_total",
        b"hookline_consumer_records_total",
        b"hookline_info",
        b"hookline_log_up 1.0",
    ):
        assert name in body


@pytest.mark.parametrize(("path", "method", "status"), [("/", "GET", 404), ("/webhooks/main", "POST", 404)])
async def test_anything_else_on_the_admin_address_is_not_found(desk: Desk, path: str, method: str, status: int) -> None:
    """Webhooks are not taken there."""
    async with running(desk) as application:
        assert (await ask(application.admin_address, path, method))[0] == status


async def test_a_process_without_the_role_serves_no_webhooks(desk: Desk) -> None:
    """Consumers alone are ready when they run, and have no receiver."""
    async with running(desk, frozenset({Role.AUTO_REPLY, Role.SEND})) as application:
        assert application.receiver_address is None

        async def ready() -> bool:
            return (await ask(application.admin_address, "/readyz"))[0] == 200

        await until(ready)


async def test_the_topics_are_made_at_the_start(desk: Desk) -> None:
    """On the embedded log, dead letters included."""
    async with running(desk, frozenset({Role.INGEST})):
        config = await asyncio.to_thread(load_config, desk.config, {})
        log = EmbeddedLog(config.broker, ingesting=False, clock=time.time)
        await log.start()
        try:
            found = [topic.name for topic in all_topics() if await log.partitions(topic.name)]
        finally:
            await log.stop()
    assert found == [topic.name for topic in all_topics()]


async def test_the_roles_know_the_consumers_as_they_are(desk: Desk) -> None:
    """Groups and topics that the catalogue names are those of the consumers themselves."""
    config = await asyncio.to_thread(load_config, desk.config, {})
    log = EmbeddedLog(config.broker, ingesting=False, clock=time.time)
    metrics = ConsumerMetrics(CollectorRegistry())
    replying = answering(config.consumers.auto_reply, log, metrics, time.time)
    sending = send(config.consumers.send, log, {}, Ledger(Database(config.consumers.state)), metrics, time.time)
    confirming = confirm(config.consumers.confirm, {}, metrics, time.time)
    database = Database(config.consumers.state)
    consenting = consent(config.consumers.consent, log, ConsentBook(database), {}, metrics)
    tracking = track(Tracker(config.consumers.track, database, log, metrics))
    mirroring = mirror(config.consumers.mirror, OldHandlers(1), metrics, time.time)
    made = (replying, sending, confirming, consenting, tracking, mirroring)
    assert [(item.name, item.topics) for item in CONSUMERS] == [(consumer.name, consumer.topics) for consumer in made]


async def test_a_taken_receiver_address_leaves_nothing_running(desk: Desk) -> None:
    """What was started before is ended again, and the reason is plain."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        desk.write_sound(listen=other.getsockname()[1])
        config = await asyncio.to_thread(load_config, desk.config, {})
        before = asyncio.all_tasks()
        with pytest.raises(Exception, match="cannot listen on"):
            await Application(config, ALL).start()
    assert asyncio.all_tasks() == before


class Broken:
    """A loop that dies."""

    async def run(self) -> None:
        """Die at once."""
        raise RuntimeError("on purpose")

    def stop(self) -> None:
        """Do nothing."""

    def health(self) -> ConsumerHealth:
        """Claim to be well."""
        return ConsumerHealth("broken", running=True, assigned=frozenset(), reason=None, last_progress=None)


async def test_a_consumer_that_dies_is_shown_and_takes_nobody_along() -> None:
    """The task ends in the log and on the health page, not in the process."""
    worker = Worker("broken", Broken())
    worker.start()

    async def died() -> bool:
        return not worker.running

    await until(died)
    assert worker.health()["reason"] == "RuntimeError"
    await worker.stop(1)


class Stubborn(Broken):
    """A loop that does not end when it is asked to."""

    async def run(self) -> None:
        """Go on until cancelled."""
        await asyncio.Event().wait()


async def test_a_consumer_that_does_not_end_is_cancelled() -> None:
    """The end of the process waits for nobody longer than it may."""
    worker = Worker("stubborn", Stubborn())
    worker.start()
    async with asyncio.timeout(5):
        await worker.stop(0.05)
    assert not worker.running


class Slow:
    """A process that is observed."""

    def health(self) -> Answer:
        """Be well."""
        return Answer(ok=True, fields={})

    def readiness(self) -> Answer:
        """Be away."""
        return Answer(ok=False, fields={"reason": "log_away"})


async def test_not_ready_is_503_with_its_reason() -> None:
    """Balancers read the status, people the reason."""
    admin = AdminServer(Address("127.0.0.1", 0), Slow(), CollectorRegistry())
    await admin.start()
    try:
        status, body = await ask(admin.address, "/readyz")
    finally:
        await admin.stop()
    assert (status, orjson.loads(body)) == (503, {"reason": "log_away"})


async def test_a_taken_admin_address_is_told() -> None:
    """With the address, the reason, and what to do where it is another process of the same configuration."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            ListenFailedError, match=f"admin address 127.0.0.1:{port}: Address already in use; .*--admin"
        ):
            await AdminServer(Address("127.0.0.1", port), Slow(), CollectorRegistry()).start()


@pytest.mark.parametrize("text", ["127.0.0.1:8080", "[::1]:80", "localhost:0"])
def test_an_address_is_written_as_it_was_read(text: str) -> None:
    """IPv6 in brackets."""
    assert str(parse_address(text)) == text


@pytest.mark.parametrize("text", ["", "8080", ":8080", "a:b", "a:70000", "::1:80", "http://a:1", "a:1/"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(AddressError, match=r"127\.0\.0\.1:8080"):
        parse_address(text)


def test_logs_are_json_where_nobody_looks() -> None:
    """One object a line; what libraries log comes the same way, from warnings up."""
    stream = StringIO()
    writer = configure_logs(LoggingSettings(), stream)
    structlog.get_logger().info("started", port=1)
    logging.getLogger("aiohttp").warning("broker %s", "away")
    logging.getLogger("aiohttp").info("chatter")
    logging.getLogger("aiokafka.client").error("a line for each request while the broker is away")
    assert writer.flush()
    first, second = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    assert (first["event"], first["level"], first["port"]) == ("started", "info", 1)
    assert (second["event"], second["library"], second["message"]) == ("library_message", "aiohttp", "broker away")


def test_a_traceback_shows_no_values() -> None:
    """Local variables would hold texts and numbers of people."""
    stream = StringIO()
    writer = configure_logs(LoggingSettings(), stream)
    _fail_with("+13125550001")
    assert writer.flush()
    (line,) = stream.getvalue().splitlines()
    assert "ValueError" in orjson.loads(line)["exception"]
    assert "+13125550001" not in line


def _fail_with(number: str) -> None:
    try:
        number.index("x")
    except ValueError:
        structlog.get_logger().exception("failed")


def test_the_level_is_kept() -> None:
    """Below it nothing is written."""
    stream = StringIO()
    writer = configure_logs(LoggingSettings(level="error", format="console"), stream)
    structlog.get_logger().warning("small")
    structlog.get_logger().error("large")
    assert writer.flush()
    assert "large" in stream.getvalue()
    assert "small" not in stream.getvalue()


async def test_sigterm_ends_a_real_process_in_time(desk: Desk) -> None:
    """Ready, one webhook stored, SIGTERM: exit status 0 within ten seconds, with the default waits."""
    listen, admin = free_ports(2)
    text = desk.write_sound(listen=listen, admin=admin).read_text().replace("drain_listen = 0.0\n", "")
    desk.config.write_text(text)
    process = await asyncio.create_subprocess_exec(
        *HOOKLINE, "run", cwd=desk.folder, env=clean_environment(), stderr=asyncio.subprocess.PIPE
    )
    try:
        await until(lambda: _is_ready(f"127.0.0.1:{admin}"))
        assert await _post(desk, f"http://127.0.0.1:{listen}/webhooks/main") == 200
        began = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        _, said = await asyncio.wait_for(process.communicate(), 15)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode == 0
    assert time.monotonic() - began < 10
    assert [orjson.loads(line)["event"] for line in said.splitlines()][-1] == "stopped"
    assert b"+13125550001" not in said


async def test_a_second_signal_ends_at_once(desk: Desk) -> None:
    """Whoever presses Ctrl-C twice does not want to wait; the status is 0 all the same."""
    listen, admin = free_ports(2)
    text = desk.write_sound(listen=listen, admin=admin).read_text().replace("drain_listen = 0.0", "drain_listen = 30.0")
    desk.config.write_text(text)
    process = await asyncio.create_subprocess_exec(
        *HOOKLINE, "run", cwd=desk.folder, env=clean_environment(), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: _is_ready(f"127.0.0.1:{admin}"))
        process.terminate()
        await until(lambda: _is_draining(f"127.0.0.1:{admin}"))
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 8) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _is_draining(address: str) -> bool:
    return b"draining" in (await ask(address, "/readyz"))[1]


async def _is_ready(address: str) -> bool:
    try:
        return (await ask(address, "/readyz"))[0] == 200
    except aiohttp.ClientError:
        return False


async def _post(desk: Desk, url: str) -> int:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
        session.post(url, data=BODY, headers=desk.headers(BODY, int(time.time()))) as answer,
    ):
        return answer.status
