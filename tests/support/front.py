"""A configuration with a real key, and signed requests, for tests of the front door."""

import base64
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nacl.signing import SigningKey

HOOKLINE = (sys.executable, "-m", "hookline")
BODY = (
    b'{"data": {"event_type": "message.received", "id": "e1", "occurred_at": "2026-01-15T21:32:14.148Z", '
    b'"payload": {"id": "m1", "direction": "inbound", "type": "SMS", "text": "Hello", "media": [], '
    b'"from": {"phone_number": "+13125550001"}, "to": [{"phone_number": "+17735550002"}]}}}'
)


@dataclass
class Desk:
    """A folder with a configuration and the key that signs for it."""

    folder: Path
    key: SigningKey = field(default_factory=SigningKey.generate)

    @property
    def config(self) -> Path:
        """Where the configuration is."""
        return self.folder / "hookline.toml"

    @property
    def public_key(self) -> str:
        """The public key as the portal shows it."""
        return base64.b64encode(bytes(self.key.verify_key)).decode()

    def write(self, *lines: str) -> Path:
        """Write these lines as the configuration."""
        self.config.write_text("\n".join((*lines, "")), encoding="utf-8")
        return self.config

    def write_sound(self, *more: str, listen: int = 0, admin: int = 0) -> Path:
        """Write a configuration with one account, and more lines behind it."""
        return self.write(
            "[server]",
            f'listen = "127.0.0.1:{listen}"',
            f'admin = "127.0.0.1:{admin}"',
            "drain_listen = 0.0",
            "[broker]",
            'url = "sqlite:///log.db"',
            "[accounts.main]",
            'provider = "telnyx"',
            'tenant = "acme"',
            f'public_keys = ["{self.public_key}"]',
            *more,
        )

    def key_file(self) -> None:
        """Write an API key beside the configuration, as `api.key`."""
        (self.folder / "api.key").write_text("KEY-for-tests")

    def headers(self, body: bytes, timestamp: int) -> Mapping[str, str]:
        """Return the headers of a genuine request."""
        signature = self.key.sign(f"{timestamp}|".encode() + body).signature
        return {
            "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
            "telnyx-timestamp": str(timestamp),
            "content-type": "application/json",
        }

    def raw_request(self, body: bytes, timestamp: int) -> bytes:
        """Return a genuine request as HTTP/1.1 bytes."""
        fields = {"host": "example.com", **self.headers(body, timestamp), "content-length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return b"POST /webhooks/main HTTP/1.1\r\n" + head.encode() + b"\r\n" + body


def hookline(
    *arguments: str, cwd: Path, given: bytes = b"", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run one command to its end, with no variable of ours but those that are given."""
    return subprocess.run(
        [*HOOKLINE, *arguments],
        cwd=cwd,
        input=given,
        capture_output=True,
        timeout=50,
        check=False,
        env={**clean_environment(), **(environment or {})},
    )


def clean_environment() -> dict[str, str]:
    """Return our environment without the variables of accounts, able to import the project from any folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TELNYX_", "HOOKLINE_"))}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[2])}


def free_ports(count: int) -> Sequence[int]:
    """Return ports of the loopback that are free now."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
