"""What no single value of `[server]`, `[spool]` and `[broker]` can tell: settings that do not fit each other."""

import re

from broker.settings import BrokerSettings, KafkaSettings
from hookline.configuration.addresses import Address, AddressError, parse_address
from hookline.configuration.problems import Problems, name_of, shown_url
from hookline.configuration.toml_lines import KeyPath
from ingest.forwarded import network_of
from ingest.settings import ServerSettings, SpoolSettings
from schemas.urls import SQLITE, sqlite_path

_SERVER = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?"
_SERVERS = re.compile(rf"kafka://{_SERVER}(?:,{_SERVER})*/?", re.ASCII)
# Kafka takes names of up to 249 characters; ours are the longer part.
_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,100}", re.ASCII)
_PORT = re.compile(r"\d{1,5}", re.ASCII)
_LAST_PORT = 65_535
_LOGIN = ("sasl_mechanism", "sasl_username", "sasl_password")
_TLS = ("ssl_cafile", "ssl_certfile", "ssl_keyfile")


def check_server(server: ServerSettings, problems: Problems) -> None:
    """Note addresses and proxies that are none, and what goes together but does not stand together."""
    listen = _address(server.listen, ("server", "listen"), problems)
    admin = _address(server.admin, ("server", "admin"), problems)
    if listen is not None and listen == admin and listen.port:
        problems.add(("server", "admin"), "server.admin: must not be the address of server.listen")
    _check_proxies(server, problems)
    for name, value in (("tls_certfile", server.tls_certfile), ("tls_keyfile", server.tls_keyfile)):
        if value is None and (server.tls_certfile or server.tls_keyfile):
            problems.add(("server",), f"server.{name}: missing: a certificate and its key go together")


def check_spool(spool: SpoolSettings, problems: Problems) -> None:
    """Note a folder without a name, and segments that are larger than the whole."""
    if not spool.dir.strip():
        problems.add(("spool", "dir"), "spool.dir: empty; name a folder, such as 'var/spool' (max_bytes = 0: no spool)")
    check_home(spool.dir, ("spool", "dir"), problems)
    if 0 < spool.max_bytes < spool.segment_bytes:
        told = f"at least segment_bytes ({spool.segment_bytes}), or 0"
        problems.add(("spool", "max_bytes"), f"spool.max_bytes: expected {told}, found {spool.max_bytes}")


def check_home(text: str, path: KeyPath, problems: Problems) -> None:
    """Note a path, a URL or a reference that begins with `~`: the receiver's user has another home than you."""
    text = text.removeprefix(SQLITE).removeprefix("file:")
    if text.startswith("~"):
        told = (
            f"{shown_url(text)}: '~' stands for no folder here; write the whole path (or ./~ for a name that begins so)"
        )
        problems.add(path, f"{name_of(path)}: {told}")


def check_broker(broker: BrokerSettings, problems: Problems) -> None:
    """Note a prefix that Kafka takes in no name, and what of `[broker.kafka]` contradicts itself."""
    if not _PREFIX.fullmatch(broker.topic_prefix):
        told = "expected up to 100 letters, digits and . _ -"
        problems.add(("broker", "topic_prefix"), f"broker.topic_prefix: {told}, found {broker.topic_prefix!r}")
    _check_copies(broker.kafka, problems)
    _check_login(broker.kafka, problems)
    _check_tls(broker.kafka, problems)


def check_log_url(url: str, problems: Problems) -> None:
    """Note a URL that names no log. Shows none of it that may be a password: it goes to logs and health later."""
    path: KeyPath = ("broker", "url")
    check_home(url, path, problems)
    if _is_kafka_url(url) or sqlite_path(url) is not None:
        return
    told = f"{shown_url(url)} is not of the form sqlite:///PATH or kafka://HOST:PORT,HOST:PORT"
    login = "; a login stands in sasl_username and sasl_password of [broker.kafka]" if "@" in url else ""
    problems.add(path, f"{name_of(path)}: {told}{login}")


def _is_kafka_url(url: str) -> bool:
    """Tell whether a URL is of the form kafka://HOST:PORT,HOST:PORT, with ports that there are."""
    if not _SERVERS.fullmatch(url):
        return False
    return all(_is_server(server) for server in url.removeprefix("kafka://").rstrip("/").split(","))


def _is_server(server: str) -> bool:
    host, colon, port = server.rpartition(":")
    if not colon:
        return True
    return bool(host) and _PORT.fullmatch(port) is not None and 0 < int(port) <= _LAST_PORT


def _address(text: str, path: KeyPath, problems: Problems) -> Address | None:
    try:
        return parse_address(text)
    except AddressError as error:
        problems.add(path, f"{name_of(path)}: {error}")
        return None


def _check_proxies(server: ServerSettings, problems: Problems) -> None:
    for index, text in enumerate(server.trusted_proxies):
        path: KeyPath = ("server", "trusted_proxies", index)
        try:
            network_of(text)
        except ValueError as error:
            problems.add(path, f"{name_of(path)}: {error}")


def _check_copies(kafka: KafkaSettings, problems: Problems) -> None:
    path: KeyPath = ("broker", "kafka", "min_insync_replicas")
    # Where it is not written down it follows the copies that there are.
    if kafka.min_insync_replicas > kafka.replication_factor and path in problems.lines:
        told = f"at most replication_factor ({kafka.replication_factor})"
        problems.add(path, f"{name_of(path)}: expected {told}, found {kafka.min_insync_replicas}")


def _check_login(kafka: KafkaSettings, problems: Problems) -> None:
    by_login = kafka.security_protocol.startswith("SASL")
    for name in _LOGIN:
        given = getattr(kafka, name) is not None
        if by_login and not getattr(kafka, name):
            _note(name, f"missing: security_protocol {kafka.security_protocol} needs it", problems)
        elif given and not by_login:
            _note(name, f"{kafka.security_protocol} does not use it; SASL_SSL and SASL_PLAINTEXT do", problems)


def _check_tls(kafka: KafkaSettings, problems: Problems) -> None:
    for name in _TLS:
        if getattr(kafka, name) is not None and not kafka.security_protocol.endswith("SSL"):
            _note(name, f"{kafka.security_protocol} does not use it; SSL and SASL_SSL do", problems)
    if kafka.ssl_keyfile and not kafka.ssl_certfile:
        _note("ssl_certfile", "missing: a key goes with its certificate", problems)


def _note(name: str, told: str, problems: Problems) -> None:
    path: KeyPath = ("broker", "kafka", name)
    problems.add(path, f"{name_of(path)}: {told}")
