"""Log lines leave the process by a thread, so that a stderr that nobody reads holds up nothing but the log."""

import atexit
import os
import select
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TextIO

BOUND = 10_000
"""Lines that wait at most. What comes beyond is dropped and counted."""

FLUSH_WAIT = 1.0
"""Seconds that the end of the process waits for lines that are not written yet."""

_BATCH = 100
_BUSY_WAIT = 0.01


class _Tally:
    """A number that several threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.value = 0

    def add(self, count: int) -> None:
        with self._lock:
            self.value += count


_dropped = _Tally()


def dropped_lines() -> int:
    """Return how many lines this process has dropped: over the bound, or refused by the stream."""
    return _dropped.value


class LineWriter:
    """Takes lines from any thread without ever waiting, and writes them in order from a thread of its own.

    It is a logger as structlog wants one. The thread starts with the first line and ends with the process: a
    stream that takes nothing must not keep a process from ending.
    """

    def __init__(self, stream: TextIO, bound: int = BOUND) -> None:
        self._stream = stream
        self._bound = bound
        # put() of a SimpleQueue neither waits nor takes a lock that a signal handler could find taken.
        self._waiting: SimpleQueue[str | threading.Event] = SimpleQueue()
        self._fd: int | None = None
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def msg(self, line: str) -> None:
        """Take a line, without its line break."""
        if self._waiting.qsize() >= self._bound:
            _dropped.add(1)
            return
        self._waiting.put(line)
        if self._thread is None:
            self._start()

    log = debug = info = warn = warning = err = error = fatal = critical = exception = failure = msg

    def flush(self, seconds: float = FLUSH_WAIT) -> bool:
        """Wait until what was taken so far is written, but no longer than that. Blocks: not for an event loop."""
        if self._thread is None:
            return True
        written = threading.Event()
        self._waiting.put(written)
        return written.wait(seconds)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._fd = _own_descriptor(self._stream)
                self._thread = threading.Thread(target=self._run, name="log lines", daemon=True)
                self._thread.start()
                atexit.register(self.flush)

    def _run(self) -> None:
        while True:
            batch = [self._waiting.get()]
            with suppress(Empty):
                while len(batch) < _BATCH:
                    batch.append(self._waiting.get_nowait())
            self._write([item for item in batch if isinstance(item, str)])
            for item in batch:
                if isinstance(item, threading.Event):
                    item.set()

    def _write(self, lines: list[str]) -> None:
        if not lines:
            return
        try:
            if self._fd is None:
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()
            else:
                for whole in _pieces([f"{line}\n".encode("utf-8", "replace") for line in lines]):
                    _write_all(self._fd, whole)
        except (OSError, ValueError):
            # The reader has gone, the disk is full or the stream is closed: there is nobody to tell but the figure.
            _dropped.add(len(lines))


def _own_descriptor(stream: TextIO) -> int | None:
    """Return a descriptor of our own for what the stream writes to, None where it is no file.

    Python's own stream is not written to by the thread, because it would be locked for the end of the process
    while a write hangs; and a number that others close may be given to another file.
    """
    try:
        return os.dup(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return None


def _pieces(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Yield whole lines, as many together as a pipe takes in one piece: workers share one, and must not mix lines."""
    piece = b""
    for line in lines:
        if piece and len(piece) + len(line) > select.PIPE_BUF:
            yield piece
            piece = b""
        piece += line
    yield piece


def _write_all(fd: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            # Somebody else made the pipe non-blocking.
            time.sleep(_BUSY_WAIT)
