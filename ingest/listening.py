"""Listening sockets: made here, or made by a parent process and shared by its workers."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from schemas.errors import HooklineError

BACKLOG = 1024
"""Connections that wait to be accepted. They belong to the socket: a worker that dies loses none while others live."""

_HIGHEST_PORT = 65_535


class ListenError(HooklineError):
    """The receiver could not listen on its address."""


class Listener:
    """Everything that one receiver listens on: a host name may stand for several addresses."""

    def __init__(self, servers: Sequence[asyncio.Server]) -> None:
        self._servers = servers

    @property
    def address(self) -> tuple[str, int] | None:
        """The first host and port, None where it listens no longer."""
        for server in self._servers:
            for each in server.sockets:
                host, port = each.getsockname()[:2]
                return str(host), int(port)
        return None

    def is_serving(self) -> bool:
        """Tell whether new connections are accepted."""
        return any(server.is_serving() for server in self._servers)

    def close(self) -> None:
        """Accept no more. Where other processes share the sockets they go on accepting."""
        for server in self._servers:
            server.close()


async def listen(
    make: Callable[[], asyncio.Protocol],
    address: str,
    given: Sequence[socket.socket] = (),
    encrypted: Mapping[str, Any] | None = None,
) -> Listener:
    """Serve new connections on the sockets that are `given`, else on the address, which is `HOST:PORT`.

    `encrypted` holds what `create_server` takes for TLS.
    Raises ListenError where the address is no address, or is taken.
    """
    loop = asyncio.get_running_loop()
    options = encrypted or {}
    try:
        if given:
            return Listener([await loop.create_server(make, sock=each, backlog=BACKLOG, **options) for each in given])
        host, port = _parse(address)
        return Listener([await loop.create_server(make, host or None, port, backlog=BACKLOG, **options)])
    except OSError as error:
        raise ListenError(f"cannot listen on {address}: {error}") from error


async def bind(address: str) -> tuple[socket.socket, ...]:
    """Return sockets bound to the address, for processes that will listen on them. Raises ListenError.

    They do not listen yet: the system would accept connections for which nobody is there to answer. An address that
    somebody listens on is refused here; of two that are bound only one can be listened on.
    """
    host, port = _parse(address)
    made: list[socket.socket] = []
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, _, _, place in dict.fromkeys(found):
            # Where any free port is wanted, all get the one that the first was given.
            chosen = made[0].getsockname()[1] if made else port
            made.append(_bound(family, (place[0], chosen, *place[2:])))
    except OSError as error:
        close_all(made)
        raise ListenError(f"cannot listen on {address}: {error}") from error
    return tuple(made)


def close_all(sockets: Iterable[socket.socket]) -> None:
    """Close this process's own copies."""
    for each in sockets:
        each.close()


def refuse_all(sockets: Iterable[socket.socket]) -> None:
    """Let the system refuse connections, also those that wait to be accepted, until somebody listens again.

    For sockets that no process accepts from now. They stay bound.
    """
    for each in sockets:
        place = each.getsockname()
        # Fails on one that nobody has listened on yet.
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        # A port that the system chose was given back with that; one that we named is ours still.
        with contextlib.suppress(OSError):
            each.bind(place)


def _bound(family: int, place: tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.settimeout(0)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # Else it would take the IPv4 address as well, which has a socket of its own.
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(place)
    except OSError:
        made.close()
        raise
    return made


def _parse(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > _HIGHEST_PORT:
        raise ListenError(f"{address!r} is no address: expected HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)
