"""The file that keeps a regenerated token: the old one is dead, so the new one must outlive us.

Source: specification, 1.11 f and h. The file names the token that it came from by a hash: if the configuration has
another token now, somebody put a newer one there, and the file is of no use any more.
"""

import asyncio
import fcntl
import hashlib
import os
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import orjson

from providers.fields import text
from providers.rest.errors import ApiError

_RETRY_LOCK = 0.05
_MODE = 0o600


class TokenFileError(ApiError):
    """The file cannot be read, written or claimed. The text names it and shows no token."""


class TokenFile:
    """Keeps one token. Several processes may share the file: `claim` lets one at a time regenerate."""

    def __init__(self, path: Path, configured: str) -> None:
        """`configured` is the token of the configuration, which the kept one must come from."""
        self._path = path
        self._origin = hashlib.sha256(configured.encode()).hexdigest()

    async def load(self) -> str | None:
        """Return the kept token; None where there is none, or one of another configuration. Raises TokenFileError."""
        return await asyncio.to_thread(self._load)

    async def check(self) -> None:
        """Raise TokenFileError where a token could not be kept: to be asked before the old token dies."""
        await asyncio.to_thread(self._check)

    async def save(self, token: str) -> None:
        """Keep a token: when this returns it is on the disk. Raises TokenFileError."""
        await asyncio.to_thread(self._save, token)

    @asynccontextmanager
    async def claim(self, wait: float) -> AsyncGenerator[None]:
        """Be the only process that regenerates. Raises TokenFileError where another one is at it for `wait` seconds."""
        handle = await asyncio.to_thread(self._open_lock)
        try:
            try:
                async with asyncio.timeout(wait):
                    while not _locked(handle):  # noqa: ASYNC110 - another process holds it, and tells nobody
                        await asyncio.sleep(_RETRY_LOCK)
            except TimeoutError as error:
                raise TokenFileError(f"token_file {self._path}: another process holds it") from error
            except OSError as error:
                raise TokenFileError(f"token_file {self._path}: {error.strerror}") from error
            yield
        finally:
            os.close(handle)

    def _load(self) -> str | None:
        try:
            found = orjson.loads(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except orjson.JSONDecodeError as error:
            raise TokenFileError(f"token_file {self._path}: no token of Hookline's in it") from error
        except OSError as error:
            raise TokenFileError(f"token_file {self._path}: {error.strerror}") from error
        if not isinstance(found, dict) or found.get("origin") != self._origin:
            return None
        return text(found, "token")

    def _check(self) -> None:
        try:
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
            try:
                os.write(handle, b"\0" * 4096)
                os.fsync(handle)
            finally:
                os.close(handle)
                Path(name).unlink()
        except OSError as error:
            raise TokenFileError(f"token_file {self._path}: {error.strerror}") from error

    def _save(self, token: str) -> None:
        try:
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
            try:
                with os.fdopen(handle, "wb") as file:
                    os.fchmod(file.fileno(), _MODE)
                    file.write(orjson.dumps({"token": token, "origin": self._origin}))
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(self._path)
            except OSError:
                with suppress(OSError):
                    Path(name).unlink()
                raise
            _sync_folder(self._path.parent)
        except OSError as error:
            raise TokenFileError(f"token_file {self._path}: {error.strerror}") from error

    def _open_lock(self) -> int:
        lock = self._path.with_name(f"{self._path.name}.lock")
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        except OSError as error:
            raise TokenFileError(f"token_file {self._path}: {error.strerror}") from error


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
