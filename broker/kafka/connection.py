"""How to reach the cluster, and what our names are called there."""

import ssl
from dataclasses import dataclass
from typing import Any

from broker.log import LogError
from broker.settings import BrokerSettings, KafkaSettings

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True)
class Names:
    """Puts the site's prefix in front of topics and groups, and takes it off again."""

    prefix: str

    def outer(self, name: str) -> str:
        """Return what Kafka calls our topic or group."""
        return self.prefix + name

    def inner(self, name: str) -> str:
        """Return what we call Kafka's topic."""
        return name.removeprefix(self.prefix)


@dataclass(frozen=True, slots=True)
class Connection:
    """What every client of the cluster is made with. `context` is None without TLS."""

    servers: tuple[str, ...]
    settings: KafkaSettings
    context: ssl.SSLContext | None = None

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments that aiokafka's clients share."""
        shared: dict[str, Any] = {"bootstrap_servers": list(self.servers), "client_id": "hookline"}
        shared |= {"security_protocol": self.settings.security_protocol, "ssl_context": self.context}
        if self.settings.security_protocol.startswith("SASL"):
            shared |= {
                "sasl_mechanism": self.settings.sasl_mechanism,
                "sasl_plain_username": self.settings.sasl_username,
                "sasl_plain_password": self.settings.sasl_password,
            }
        return shared

    def where(self) -> str:
        """Return the servers for a message to a person."""
        return ", ".join(self.servers)


def connect_with(settings: BrokerSettings) -> Connection:
    """Return the connection that the settings describe. Reads the certificate files, so it blocks.

    Raises LogError, naming the setting that is wrong.
    """
    servers = tuple(
        part.strip() for part in settings.url.removeprefix("kafka://").rstrip("/").split(",") if part.strip()
    )
    if not servers or not all(_is_server(server) for server in servers):
        raise LogError(f"broker url {settings.url!r}: expected kafka://HOST:PORT,HOST:PORT")
    _check_protocol(settings.kafka)
    return Connection(servers, settings.kafka, _context(settings.kafka))


def _is_server(server: str) -> bool:
    host, colon, port = server.rpartition(":")
    return bool(server) if not colon else bool(host) and port.isdecimal() and 0 < int(port) < 65_536


def _check_protocol(kafka: KafkaSettings) -> None:
    if kafka.security_protocol not in PROTOCOLS:
        raise LogError(f"security_protocol {kafka.security_protocol!r}: expected one of {', '.join(PROTOCOLS)}")
    if not kafka.security_protocol.startswith("SASL"):
        return
    if kafka.sasl_mechanism not in MECHANISMS:
        raise LogError(f"sasl_mechanism {kafka.sasl_mechanism!r}: expected one of {', '.join(MECHANISMS)}")
    if not kafka.sasl_username or not kafka.sasl_password:
        raise LogError(f"{kafka.security_protocol} needs sasl_username and sasl_password")


def _context(kafka: KafkaSettings) -> ssl.SSLContext | None:
    if kafka.security_protocol not in {"SSL", "SASL_SSL"}:
        return None
    context = _trusting(kafka.ssl_cafile)
    if kafka.ssl_certfile:
        try:
            context.load_cert_chain(kafka.ssl_certfile, kafka.ssl_keyfile)
        except (OSError, ValueError) as error:
            raise LogError(f"ssl_certfile {kafka.ssl_certfile!r} and ssl_keyfile: {error}") from error
    return context


def _trusting(authorities: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities)
    except (OSError, ValueError) as error:
        raise LogError(f"ssl_cafile {authorities!r}: {error}") from error
