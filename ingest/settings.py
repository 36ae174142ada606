"""The `[server]` and `[spool]` tables of the configuration."""

from dataclasses import dataclass

from schemas.settings import Limits, setting

LARGEST_BODY = 4 << 20
"""Bytes of the largest body that any provider may send: a limit below it would refuse one for ever."""

LEAST_SPOOL = 8 << 20
"""Bytes that a spool must have: the largest webhook and some more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """`[server]`: the addresses and limits of the receiver."""

    listen: str = setting("127.0.0.1:8080", "address and port that providers reach, directly or through a proxy")
    admin: str = setting("127.0.0.1:8081", "address and port of `/healthz`, `/readyz` and `/metrics`; keep it inside")
    drain_listen: float = setting(
        3.0, "seconds to go on listening after SIGTERM, not ready, until balancers notice", limits=Limits(0, 600)
    )
    drain_finish: float = setting(5.0, "seconds that work in hand has after that", limits=Limits(0.1, 600))
    max_in_flight: int = setting(
        512, "proved webhooks worked on at once; beyond it the provider's retry status", limits=Limits(1, 1_000_000)
    )
    max_in_flight_bytes: int = setting(
        64 * 1024 * 1024, "bodies of those, in bytes; beyond it the same", limits=Limits(LARGEST_BODY)
    )
    max_queue_time: float = setting(
        0.5,
        "seconds that requests may wait for their turn; while they wait longer, the provider's retry status at once",
        limits=Limits(0.05, 60),
    )
    duplicate_window: int = setting(
        50_000,
        "webhooks stored last whose repeats a worker answers without storing them again; about 200 bytes each",
        limits=Limits(1, 10_000_000),
    )
    max_body_bytes: int = setting(
        64 * 1024 * 1024,
        "memory for all bodies on their way, beyond the first 16 KiB of each; over it the provider's retry status",
        limits=Limits(LARGEST_BODY),
    )
    max_connections: int = setting(
        4096,
        "connections open at once; beyond it idle ones are closed, and where there is none, the new one",
        limits=Limits(16, 1_000_000),
    )
    trusted_proxies: tuple[str, ...] = setting(
        (), "addresses or networks of proxies in front, whose `X-Forwarded-For` tells the client's address"
    )
    refused_per_minute: int = setting(
        600,
        "refusals a minute for each client address (IPv6: each /64); beyond it 429 unread, but never where a proved "
        "webhook came from in the last 10 minutes; 0 sets no limit",
        limits=Limits(0),
    )
    tls_certfile: str | None = setting(
        None, "PEM file of the certificate and its chain, to listen with TLS 1.2 or newer; a renewed one is taken up"
    )
    tls_keyfile: str | None = setting(None, "PEM file of the key of `tls_certfile`, without a password")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSettings:
    """`[spool]`: where verified webhooks wait on this host's disk while the log is away."""

    dir: str = setting(
        "var/spool", "folder on a disk of this host, shared by its workers; each has a folder of its own inside"
    )
    max_bytes: int = setting(
        1 << 30,
        "bytes kept at most, by N workers 1/N each, and at least `segment_bytes`; over it the provider's retry "
        "status; 0 turns the spool off",
        limits=Limits(LEAST_SPOOL, zero=True),
    )
    segment_bytes: int = setting(
        8 << 20,
        "bytes after which a new segment file begins; a whole one is removed at once",
        limits=Limits(64 << 10, 1 << 30),
    )
    alarm_age: float = setting(
        300.0,
        "seconds that a webhook may wait in the spool before readiness says degraded",
        limits=Limits(1, 30 * 86_400),
    )
