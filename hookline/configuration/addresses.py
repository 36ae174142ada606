"""Addresses to listen on, as `HOST:PORT`."""

import re
from dataclasses import dataclass

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^\s:/\[\]]+)):(?P<port>\d{1,5})", re.ASCII)


class AddressError(ValueError):
    """A text that is no address to listen on."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port; port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Return the address of `HOST:PORT` or `[IPV6]:PORT`. Raises AddressError."""
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        raise AddressError(f"{text!r} is not HOST:PORT, for example 127.0.0.1:8080 (every interface: 0.0.0.0:8080)")
    return Address(found["six"] or found["host"], int(found["port"]))
