"""The one place for ingest, held by a lock that the kernel lets go of however the process ends."""

import fcntl
import os
from pathlib import Path

from broker.log import LogError


class IngestClaim:
    """Holds `<file>.ingest.lock`. Its methods block: call them in a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".ingest.lock")
        self._log = path
        self._handle = -1

    def take(self) -> None:
        """Take the place. Raises LogError where another has it, or the lock's file cannot be made."""
        try:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise LogError(
                f"another process already ingests into {self._log}; "
                "stop it first, or name another file in the broker url"
            ) from None
        except OSError as error:
            self.release()
            raise LogError(f"the lock {self._path} cannot be taken: {error.strerror}") from error

    def release(self) -> None:
        """Give the place up. The file stays: removing it would let two processes lock two files."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
