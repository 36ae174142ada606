"""How settings become a connection, and what is said of settings that cannot work; no Kafka is needed."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.kafka import KafkaLog
from broker.kafka.connection import Names, connect_with
from broker.log import LogError, LogState, LogUnavailableError
from broker.settings import BrokerSettings, KafkaSettings
from tests.support.logs import record


def settings(url: str = "kafka://127.0.0.1:9092", **fields: Any) -> BrokerSettings:
    """Return broker settings with these fields of `[broker.kafka]`."""
    return BrokerSettings(url=url, kafka=KafkaSettings(**fields))


def test_every_server_of_the_url_is_used() -> None:
    """Servers are separated by commas."""
    assert connect_with(settings("kafka://a:9092, b:9093,c")).servers == ("a:9092", "b:9093", "c")


@pytest.mark.parametrize(
    "url", ["kafka://", "kafka://,", "kafka://a:port", "kafka://:9092", "kafka://a:0", "kafka://a:99999"]
)
def test_a_url_without_a_server_is_refused(url: str) -> None:
    """The message shows the form that is expected."""
    with pytest.raises(LogError, match="expected kafka://HOST:PORT"):
        connect_with(settings(url))


def test_an_unknown_protocol_is_refused() -> None:
    """With the words that there are."""
    with pytest.raises(LogError, match="SASL_SSL"):
        connect_with(settings(security_protocol="TLS"))


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"sasl_mechanism": "GSSAPI"}, "sasl_mechanism"),
        ({"sasl_mechanism": "PLAIN"}, "sasl_username"),
        ({"sasl_mechanism": "PLAIN", "sasl_username": "u"}, "sasl_password"),
    ],
)
def test_half_a_login_is_refused(fields: dict[str, str], word: str) -> None:
    """What is missing is named."""
    with pytest.raises(LogError, match=word):
        connect_with(settings(security_protocol="SASL_PLAINTEXT", **fields))


def test_a_login_is_handed_to_the_clients() -> None:
    """User, password and mechanism reach aiokafka."""
    login = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "u", "sasl_password": "p"}
    arguments = connect_with(settings(security_protocol="SASL_PLAINTEXT", **login)).arguments()
    assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == ("u", "p")


def test_tls_checks_the_brokers_name_and_certificate() -> None:
    """The default is to trust nobody unproved."""
    context = connect_with(settings(security_protocol="SSL")).context
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("setting", ["ssl_cafile", "ssl_certfile"])
@pytest.mark.parametrize("content", [None, "no certificate"], ids=["absent", "damaged"])
def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path, setting: str, content: str | None) -> None:
    """The setting and the file are in the message."""
    path = tmp_path / "cert.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(LogError, match=rf"{setting} .*cert\.pem"):
        connect_with(settings(security_protocol="SSL", **{setting: str(path)}))


async def test_a_log_with_settings_that_cannot_work_does_not_start() -> None:
    """Waiting cannot mend them, so start says so."""
    log = KafkaLog(settings(security_protocol="TLS"))
    with pytest.raises(LogError, match="security_protocol"):
        await log.start()
    await log.stop()


async def test_a_log_that_was_not_started_takes_nothing() -> None:
    """Nothing is open, and nothing hangs."""
    log = KafkaLog(settings())
    assert log.state is LogState.STARTING
    with pytest.raises(LogUnavailableError):
        await log.append([record("topic")], 1)
    with pytest.raises(LogUnavailableError):
        await log.partitions("topic")


@given(st.text(), st.text())
def test_a_name_comes_back_from_behind_its_prefix(prefix: str, name: str) -> None:
    """What is put in front is taken off again, and nothing else."""
    names = Names(prefix)
    assert names.inner(names.outer(name)) == name
