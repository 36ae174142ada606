"""Settings of the tables with fixed keys that make no sense: told with their line, name and range."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.configuration.config import ConfigError, load_config
from ingest.settings import LARGEST_BODY, LEAST_SPOOL
from providers.registry import PROVIDERS
from schemas.settings import Limits
from tests.support.front import Desk

SASL = 'security_protocol = "SASL_SSL"'
WHOLE_LOGIN = ('sasl_mechanism = "PLAIN"', 'sasl_username = "u"', 'sasl_password = "env:PASSWORD"')


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder for a configuration."""
    return Desk(tmp_path)


def told(desk: Desk, *lines: str) -> list[str]:
    """Return what is said of a wrong configuration, without the name of the file."""
    with pytest.raises(ConfigError) as caught:
        load_config(desk.write(*lines), {"PASSWORD": "p"})
    return [line.removeprefix(f"{desk.config}:") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        ("server", "drain_listen = -1", "drain_listen: expected a number from 0 to 600, found -1"),
        ("server", "drain_listen = inf", "drain_listen: expected a number from 0 to 600, found inf"),
        ("server", "drain_finish = 0", "drain_finish: expected a number from 0.1 to 600, found 0"),
        ("server", "max_in_flight = -3", "max_in_flight: expected a number from 1 to 1000000, found -3"),
        ("server", "max_in_flight_bytes = 1", "max_in_flight_bytes: expected a number of at least 4194304, found 1"),
        ("server", "max_queue_time = 0", "max_queue_time: expected a number from 0.05 to 60, found 0"),
        ("server", "duplicate_window = 0", "duplicate_window: expected a number from 1 to 10000000, found 0"),
        ("server", "max_body_bytes = 100", "max_body_bytes: expected a number of at least 4194304, found 100"),
        ("server", "max_connections = 1", "max_connections: expected a number from 16 to 1000000, found 1"),
        ("server", "refused_per_minute = -1", "refused_per_minute: expected a number of at least 0, found -1"),
        ("server", 'admin = "127.0.0.1:8080"', "admin: must not be the address of server.listen"),
        ("server", 'tls_certfile = ""', "tls_certfile: empty; name a file, or leave it out"),
        ("spool", 'dir = ""', "dir: empty; name a folder"),
        ("spool", 'dir = " "', "dir: empty; name a folder"),
        ("spool", 'dir = "a\\u0000b"', "dir: a text with the character 0 in it"),
        ("spool", "max_bytes = -1", "max_bytes: expected a number of at least 8388608, or 0, found -1"),
        ("spool", "max_bytes = 1000", "max_bytes: expected a number of at least 8388608, or 0, found 1000"),
        ("spool", "segment_bytes = 1", "segment_bytes: expected a number from 65536 to 1073741824, found 1"),
        ("spool", "segment_bytes = 0", "segment_bytes: expected a number from 65536 to 1073741824, found 0"),
        ("spool", "alarm_age = 0", "alarm_age: expected a number from 1 to 2592000, found 0"),
        ("broker", 'url = ""', "url: '' is not of the form sqlite:///PATH or kafka:"),
        ("broker", 'url = "kafka://h:99999"', "url: 'kafka://h:99999' is not of the form"),
        ("broker", 'url = "kafka://h:1,:2"', "url: 'kafka://h:1,:2' is not of the form"),
        ("broker", 'topic_prefix = "a b"', "topic_prefix: expected up to 100 letters, digits and . _ -, found 'a b'"),
        ("broker.kafka", "replication_factor = 0", "replication_factor: expected a number from 1 to 32767, found 0"),
        ("broker.kafka", "min_insync_replicas = 4", "min_insync_replicas: expected at most replication_factor (3)"),
        ("broker.kafka", 'sasl_username = "u"', "sasl_username: PLAINTEXT does not use it; SASL_SSL"),
        ("broker.kafka", 'ssl_cafile = "ca.pem"', "ssl_cafile: PLAINTEXT does not use it; SSL and SASL_SSL do"),
        ("broker.kafka", 'ssl_keyfile = " "', "ssl_keyfile: empty; name a file"),
        ("consumers.send", "timeout = 0", "timeout: expected a number from 1 to 90, found 0"),
        ("consumers.send", "timeout = 91", "timeout: expected a number from 1 to 90, found 91"),
        ("consumers.confirm", "max_age = 61", "max_age: expected a number from 0 to 60, found 61"),
        ("broker.embedded", "max_bytes = 1", "max_bytes: expected a number of at least 1048576, found 1"),
        ("broker.embedded", "session_timeout = 0", "session_timeout: expected a number from 1 to 600, found 0"),
    ],
)
def test_a_setting_without_sense_is_told_with_its_range(desk: Desk, table: str, line: str, said: str) -> None:
    """At its own line, by its whole name."""
    found = told(desk, f"[{table}]", line)
    assert any(each.startswith(f"2: {table}.{said}") for each in found), found


@pytest.mark.parametrize(
    "url",
    [
        "kafka://u:s3cret@127.0.0.1:9092",
        "kafka://h:9092,u:s3cret@h:9092",
        "kafka:/u:s3cret@h",
        "postgresql://u:s3cret@h/db",
        "kafka://h?sasl.password=s3cret",
        "kafka://h:9092#s3cret",
        "kafka://u:s3cret%40h:9092",
        "kafka://u:s3cret\uff20h:9092",
    ],
)
def test_a_password_in_the_url_of_the_log_is_refused_and_not_shown(desk: Desk, url: str) -> None:
    """The URL stands in log lines, in /healthz and in what every tool says."""
    (line,) = told(desk, "[broker]", f'url = "{url}"')
    assert line.startswith("2: broker.url: what stands there is not of the form sqlite:///PATH or kafka:")
    assert ("sasl_username and sasl_password of [broker.kafka]" in line) == ("@" in url)
    assert "s3cret" not in line


def test_a_segment_is_not_larger_than_the_spool(desk: Desk) -> None:
    """The first would never end, and nothing of it could be removed while the spool is full."""
    (line,) = told(desk, "[spool]", "segment_bytes = 20_000_000", "max_bytes = 10_000_000")
    assert line == "3: spool.max_bytes: expected at least segment_bytes (20000000), or 0, found 10000000"


def test_a_spool_that_is_off_needs_no_room(desk: Desk) -> None:
    """0 is a word of its own."""
    assert load_config(desk.write("[spool]", "max_bytes = 0"), {}).spool.max_bytes == 0


def test_two_free_ports_are_not_the_same(desk: Desk) -> None:
    """Port 0 takes another one each time."""
    lines = ("[server]", 'listen = "127.0.0.1:0"', 'admin = "127.0.0.1:0"')
    assert load_config(desk.write(*lines), {}).server.admin == "127.0.0.1:0"


def test_one_copy_is_enough_of_a_word(desk: Desk) -> None:
    """Copies in sync that nobody wrote down follow."""
    assert load_config(desk.write("[broker.kafka]", "replication_factor = 1"), {}).broker.kafka.replication_factor == 1


@pytest.mark.parametrize("missing", range(3))
def test_a_login_is_whole(desk: Desk, missing: int) -> None:
    """What is missing is named before anything starts."""
    login = [line for number, line in enumerate(WHOLE_LOGIN) if number != missing]
    (line,) = told(desk, "[broker.kafka]", SASL, *login)
    name = WHOLE_LOGIN[missing].partition(" ")[0]
    assert line == f"1: broker.kafka.{name}: missing: security_protocol SASL_SSL needs it"


def test_a_whole_login_is_taken(desk: Desk) -> None:
    """With TLS, and the authorities that it needs."""
    lines = ("[broker.kafka]", SASL, *WHOLE_LOGIN, 'ssl_cafile = "ca.pem"')
    assert load_config(desk.write(*lines), {"PASSWORD": "p"}).broker.kafka.sasl_username == "u"


def test_a_key_goes_with_its_certificate(desk: Desk) -> None:
    """One alone would be left out without a word."""
    (line,) = told(desk, "[broker.kafka]", 'security_protocol = "SSL"', 'ssl_keyfile = "k.pem"')
    assert line == "1: broker.kafka.ssl_certfile: missing: a key goes with its certificate"


def test_every_body_that_a_provider_may_send_has_room() -> None:
    """The least that the limits of bytes allow is as much as any provider's largest body."""
    assert max(one.policy.body_limit for one in PROVIDERS.values()) <= LARGEST_BODY < LEAST_SPOOL


@given(st.floats() | st.integers())
def test_limits_take_what_is_between_them(value: float) -> None:
    """Both ends are included; what is no number never is."""
    assert Limits(1, 5).allow(value) == (1 <= value <= 5)
    assert Limits(1, 5, zero=True).allow(value) == (value == 0 or 1 <= value <= 5)
