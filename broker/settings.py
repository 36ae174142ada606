"""The `[broker]` table of the configuration."""

from dataclasses import dataclass, field

from schemas.settings import Limits, setting

_COPIES = Limits(1, 32_767)


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """`[broker.kafka]`: how to reach Apache Kafka. Secret values are references (`env:NAME`, `file:PATH`)."""

    security_protocol: str = setting(
        "PLAINTEXT",
        "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`",
        choices=("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    )
    sasl_mechanism: str | None = setting(
        None,
        "`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`",
        choices=("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
    )
    sasl_username: str | None = setting(None, "user name for SASL")
    sasl_password: str | None = setting(None, "password for SASL, as `env:NAME` or `file:PATH`")
    ssl_cafile: str | None = setting(None, "PEM file of the authorities that sign the brokers' certificates")
    ssl_certfile: str | None = setting(None, "PEM file of our own certificate, for mutual TLS")
    ssl_keyfile: str | None = setting(None, "PEM file of the key of `ssl_certfile`")
    replication_factor: int = setting(
        3, "copies of each partition that `hookline topics apply` asks for", limits=_COPIES
    )
    min_insync_replicas: int = setting(2, "copies that must have a record before it counts as stored", limits=_COPIES)
    session_timeout: float = setting(
        10.0,
        "seconds of silence after which a group gives a dead member's partitions away; after a SIGKILL they stand "
        "still for so long. The broker's `group.min.session.timeout.ms`, 6 s unless set, is the least that it takes",
        limits=Limits(1, 30),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedSettings:
    """`[broker.embedded]`: the log in one SQLite file."""

    max_bytes: int = setting(
        128 << 20,
        "bytes of records that a partition keeps before its oldest go; compacted topics are not cut by size",
        limits=Limits(1 << 20),
    )
    session_timeout: float = setting(
        10.0,
        "seconds of silence after which a group gives a dead member's place away; "
        "after a SIGKILL or a power cut nothing is consumed for so long",
        limits=Limits(1, 600),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """`[broker]`: where the log is."""

    url: str = setting(
        "sqlite:///var/hookline.db",
        "`sqlite:///PATH` or `kafka://HOST:PORT,HOST:PORT`; a login stands in `[broker.kafka]`",
    )
    topic_prefix: str = setting(
        "",
        "put in front of every topic name on Kafka, for a cluster shared by several sites; up to 100 letters, digits "
        "and `.`, `_`, `-`",
    )
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    embedded: EmbeddedSettings = field(default_factory=EmbeddedSettings)
