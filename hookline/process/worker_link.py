"""What a worker of `hookline ingest --workers N` knows of its parent, and the link between the two.

A worker is `hookline ingest` again, with one more variable in its environment, `HOOKLINE_WORKER`. It is between
these two processes alone: a JSON object with

- `number` and `of`: this worker's number from 1, and how many there are;
- `listeners`: file descriptors of bound sockets that all workers listen on and accept from;
- `link`: file descriptor of one end of a socket pair, whose other end the parent holds;
- `admin`: path of the Unix socket at which the worker serves its own admin pages.

No secret is in it. The worker sends one byte over the link once it is up. The parent sends nothing: what a worker
reads there is the end of the file, which the kernel gives it however the parent ended.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, MutableMapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from hookline.configuration.config import Config, ConfigError

VARIABLE = "HOOKLINE_WORKER"
MOST_WORKERS = 64
"""Workers of one parent at most."""

UP = b"\x01"
"""What a worker sends over its link when it is up."""

_FIRST_FREE_DESCRIPTOR = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A worker's place among the workers of one parent. Descriptors are those of the worker's process."""

    number: int
    of: int
    listeners: tuple[int, ...]
    link: int
    admin: Path

    @property
    def first(self) -> bool:
        """Whether this one does what only one of them may do: the polls."""
        return self.number == 1

    def to_text(self) -> str:
        """Return the variable's value."""
        return orjson.dumps(asdict(self), default=str).decode()


def parse_place(text: str) -> Place:
    """Read the variable's value. Raises ConfigError for anything that a parent would not write."""
    try:
        place = _place_of(orjson.loads(text))
    except (KeyError, TypeError, ValueError):
        place = None
    if place is None or not _possible(place):
        raise ConfigError(f"{VARIABLE} is for the workers of `hookline ingest --workers N` alone: unset it")
    return place


def take_place(environment: MutableMapping[str, str]) -> Place | None:
    """Return the place that the environment names, and take it out; None for a process that is no worker."""
    text = environment.pop(VARIABLE, None)
    return None if text is None else parse_place(text)


def share_of(config: Config, of: int) -> Config:
    """Return the configuration for one of `of` workers.

    The disk is one, so that each gets its share of `[spool] max_bytes`. The limits of `[server]` stay: they tell
    what one process can do in time, and nobody can tell how connections fall among the workers.
    """
    spool = config.spool
    share = max(1, spool.max_bytes // of) if spool.max_bytes else 0
    return replace(config, spool=replace(spool, max_bytes=share))


def open_listeners(place: Place) -> tuple[socket.socket, ...]:
    """Return the sockets to accept from. Raises ConfigError where a descriptor is none."""
    return tuple(_opened(each) for each in place.listeners)


class Link:
    """A worker's end. It holds nothing up: both directions never wait."""

    def __init__(self, descriptor: int) -> None:
        """Take the descriptor over. Raises ConfigError where it is no socket."""
        self._end = _opened(descriptor)
        self._end.settimeout(0)

    def watch(self, parent_gone: Callable[[], None]) -> None:
        """Call `parent_gone` once the parent has ended, in order or not."""

        def on_readable() -> None:
            asyncio.get_running_loop().remove_reader(self._end)
            parent_gone()

        asyncio.get_running_loop().add_reader(self._end, on_readable)

    def tell_up(self) -> None:
        """Tell the parent that this worker is up. A parent that has gone is noticed elsewhere."""
        with contextlib.suppress(OSError):
            self._end.send(UP)

    @property
    def parent_gone(self) -> bool:
        """Whether the parent has ended, also where nobody has noticed it yet."""
        try:
            return self._end.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Let go of the link."""
        asyncio.get_running_loop().remove_reader(self._end)
        self._end.close()


def _place_of(fields: Any) -> Place:
    return Place(
        number=fields["number"],
        of=fields["of"],
        listeners=tuple(fields["listeners"]),
        link=fields["link"],
        admin=Path(fields["admin"]),
    )


def _possible(place: Place) -> bool:
    descriptors = (place.link, *place.listeners)
    return (
        all(type(number) is int for number in (place.number, place.of, *descriptors))
        and 1 <= place.number <= place.of <= MOST_WORKERS
        and bool(place.listeners)
        and min(descriptors) >= _FIRST_FREE_DESCRIPTOR
        and len(set(descriptors)) == len(descriptors)
        and place.admin.is_absolute()
    )


def _opened(descriptor: int) -> socket.socket:
    try:
        return socket.socket(fileno=descriptor)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"{VARIABLE}: descriptor {descriptor} is no socket of a parent") from error
