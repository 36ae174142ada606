"""A Kafka that asks for a login: the right one works, the wrong one is said plainly."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from broker.kafka import KafkaLog
from broker.log import LogState, LogUnavailableError
from broker.settings import BrokerSettings, KafkaSettings
from deploy.kafka.cluster import free_ports
from tests.support.kafka import kafka_settings, own_cluster
from tests.support.logs import PATIENCE, collect, make_topic, record, unique

pytestmark = pytest.mark.kafka
JAAS = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_hookline="right";'


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    """Give a listener that asks for a login."""
    plain, login = free_ports(2)
    extra = {
        "listeners": f"PLAINTEXT://127.0.0.1:{plain},LOGIN://127.0.0.1:{login},CONTROLLER://127.0.0.1:{{controller}}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{plain},LOGIN://127.0.0.1:{login}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.name.login.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.login.plain.sasl.jaas.config": JAAS,
    }
    with own_cluster(ports=[plain], extra=extra):
        yield f"127.0.0.1:{login}"


def with_login(servers: str, password: str) -> BrokerSettings:
    """Return settings that log in."""
    login = KafkaSettings(
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_username="hookline",
        sasl_password=password,
        replication_factor=1,
        min_insync_replicas=1,
    )
    return replace(kafka_settings(servers), kafka=login)


@contextlib.asynccontextmanager
async def started(settings: BrokerSettings) -> AsyncIterator[KafkaLog]:
    """Start a log and stop it at the end."""
    log = KafkaLog(settings)
    await log.start()
    await log.settled(5.0)
    try:
        yield log
    finally:
        await log.stop()


async def test_the_right_login_opens_everything(servers: str) -> None:
    """Topics, appends, look-ups and groups all log in."""
    async with started(with_login(servers, "right")) as log:
        assert log.state is LogState.HEALTHY
        topic = await make_topic(log)
        await log.append([record(topic, b"in")], PATIENCE)
        member = await log.subscribe(unique("group"), [topic])
        assert [stored.value for stored in await collect(member, 1)] == [b"in"]


async def test_the_wrong_password_is_said_plainly(servers: str) -> None:
    """The log is away, and says why without the password."""
    async with started(with_login(servers, "not-it")) as log:
        assert log.state is LogState.AWAY
        with pytest.raises(LogUnavailableError, match="user name or password is wrong") as appending:
            await log.append([record("any")], 1)
        with pytest.raises(LogUnavailableError, match="user name or password is wrong") as looking:
            await log.partitions("any")
        assert "not-it" not in f"{appending.value}{looking.value}"


async def test_no_login_where_one_is_asked_for_ends_in_time(servers: str) -> None:
    """A client without a login is away, not hanging."""
    async with started(kafka_settings(servers)) as log:
        assert log.state is LogState.AWAY
        with pytest.raises(LogUnavailableError):
            await log.append([record("any")], 1)
