"""The simulator's private key in a file, so that a receiver can go on trusting it from run to run."""

import base64
import binascii
import os
import secrets
from pathlib import Path

from hookline.errors import CommandError

SEED_BYTES = 32


def seed_from(path: Path) -> tuple[bytes, bool]:
    """Return the 32 bytes in the file, in base64, and whether the file was made just now (readable by its owner).

    Raises CommandError for a file that cannot be read or holds anything else.
    """
    try:
        return _decoded(path, path.read_bytes()[:1024]), False
    except FileNotFoundError:
        return _made(path), True
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from error


def _decoded(path: Path, data: bytes) -> bytes:
    try:
        seed = base64.b64decode(data.strip(), validate=True)
    except binascii.Error:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise CommandError(f"{path}: not a key of the simulator (32 bytes in base64); name a new file to make one")
    return seed


def _made(path: Path) -> bytes:
    seed = secrets.token_bytes(SEED_BYTES)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(base64.b64encode(seed) + b"\n")
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from error
    return seed
