"""The `[server]` table of the configuration."""

from dataclasses import dataclass

from schemas.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """`[server]`: the addresses and limits of the receiver."""

    listen: str = setting("127.0.0.1:8080", "address and port that providers reach, directly or through a proxy")
    admin: str = setting("127.0.0.1:8081", "address and port of `/healthz`, `/readyz` and `/metrics`; keep it inside")
    drain_listen: float = setting(3.0, "seconds to go on listening after SIGTERM, not ready, until balancers notice")
    drain_finish: float = setting(5.0, "seconds that work in hand has after that")
    max_in_flight: int = setting(512, "proved webhooks worked on at once; beyond it the provider's retry status")
    max_body_bytes: int = setting(
        64 * 1024 * 1024,
        "memory for all bodies on their way, beyond the first 16 KiB of each; over it the provider's retry status",
    )
    max_connections: int = setting(
        4096, "connections open at once; beyond it idle ones are closed, and where there is none, the new one"
    )
