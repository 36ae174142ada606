"""TLS of the receiver's own: a context from two files, and the renewed one when they change.

The files are looked at again and again, so that whatever renews a certificate has to tell us nothing. A pair that
cannot be used (the certificate is there, its key not yet) leaves the one in use, and is tried again at the next look.
"""

import asyncio
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

LOOK_EVERY = 30.0
"""Seconds between two looks at the files."""

HANDSHAKE_WAIT = 10.0
"""Seconds that a handshake may take, from the connection on."""

SHUTDOWN_WAIT = 2.0
"""Seconds for the other side's goodbye."""

_log = structlog.get_logger(__name__)

_Signature = tuple[tuple[int, int, int], ...]


class TlsError(ValueError):
    """Files that are no certificate with its key. The text names the file and shows nothing of it."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The PEM files of a certificate with its chain, and of its key."""

    certificate: str
    key: str

    def load(self) -> tuple[ssl.SSLContext, _Signature]:
        """Return a context of TLS 1.2 or newer, and what tells these files from later ones. Raises TlsError. Blocks."""
        signature = self.signature()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            # Without the function OpenSSL would ask a terminal for the password of an encrypted key.
            context.load_cert_chain(self.certificate, self.key, password=lambda: "")
        except (OSError, ValueError) as error:
            raise TlsError(f"{self.certificate} and {self.key} are no certificate with its key: {error}") from error
        return context, signature

    def signature(self) -> _Signature:
        """Return what changes when a file does. Raises TlsError. Blocks."""
        found: list[tuple[int, int, int]] = []
        for name in (self.certificate, self.key):
            try:
                state = Path(name).stat()
            except (OSError, ValueError) as error:
                raise TlsError(f"{name} cannot be read: {os.strerror(getattr(error, 'errno', None) or 2)}") from error
            found.append((state.st_mtime_ns, state.st_size, state.st_ino))
        return tuple(found)


def tls_of(certificate: str | None, key: str | None) -> "Tls | None":
    """Return the TLS that the settings ask for, None where they name no files. Raises TlsError for one of two."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise TlsError("tls_certfile and tls_keyfile go together")
    return Tls(TlsFiles(certificate, key))


class Tls:
    """A context for a listening socket that hands new connections the newest certificate."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._signature: _Signature = ()
        self._current: ssl.SSLContext | None = None
        self._watching: asyncio.Task[None] | None = None

    async def listening(self) -> Mapping[str, Any]:
        """Load the files, begin to watch them, and return what `create_server` is told. Raises TlsError."""
        context, self._signature = await asyncio.to_thread(self._files.load)
        # A context in use is never changed: each handshake is given the newest one.
        context.sni_callback = self._hand_over
        self._watching = asyncio.create_task(self._watch())
        return {
            "ssl": context,
            "ssl_handshake_timeout": HANDSHAKE_WAIT,
            "ssl_shutdown_timeout": SHUTDOWN_WAIT,
        }

    async def stop(self) -> None:
        """Watch no more."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])

    async def look(self) -> None:
        """Take a renewed certificate up, if there is one that can be used."""
        try:
            if await asyncio.to_thread(self._files.signature) == self._signature:
                return
            self._current, self._signature = await asyncio.to_thread(self._files.load)
        except TlsError as error:
            _log.error("tls_certificate_not_renewed", reason=str(error))
        else:
            _log.info("tls_certificate_renewed", file=self._files.certificate)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.look()

    def _hand_over(self, handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        if self._current is not None:
            handshake.context = self._current
