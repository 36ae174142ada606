"""Keeping of what a provider shows once: a file beside the configuration, written before anything leans on it."""

import asyncio
import os
import re
from pathlib import Path

from hookline.errors import CommandError
from providers.roles import Keep

FOLDER = "keys"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,120}")


def keeper(folder: Path) -> Keep:
    """Return what keeps texts under `keys/` of a folder, readable by its owner alone, and gives their references."""

    async def keep(name: str, text: str) -> str:
        if not _NAME.fullmatch(name) or name.startswith("."):
            raise CommandError(f"{name!r} is no name for a file")
        path = folder / FOLDER / name
        try:
            await asyncio.to_thread(_write, path, text)
        except OSError as error:
            raise CommandError(f"{path}: cannot be written: {error.strerror}") from error
        return f"file:{FOLDER}/{name}"

    return keep


def _write(path: Path, text: str) -> None:
    """Write the file through to the disk. One that is there with the same text is left, another stays."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if path.read_text(encoding="utf-8").strip() == text.strip():
            return
        raise
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{text.strip()}\n")
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
