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
    max_in_flight: int = setting(512, "webhooks worked on at once; beyond it the provider's retry status")
