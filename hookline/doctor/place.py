"""Checks of the machine: the addresses to listen on, and the disk under the SQLite files."""

import asyncio
import os
import shutil
from pathlib import Path

import aiohttp

from hookline.configuration.addresses import Address, parse_address
from hookline.configuration.config import Config
from hookline.doctor.report import Check, fail, ok, warn
from schemas.urls import sqlite_path

_DEADLINE = 3.0
_MUCH_TOO_LITTLE = 64 << 20
_TOO_LITTLE = 1 << 30


async def check_addresses(config: Config) -> list[Check]:
    """Return whether the addresses are free, or served by a Hookline that runs already."""
    admin = parse_address(config.server.admin)
    running = await _is_hookline(admin)
    pairs = (("listen", parse_address(config.server.listen)), ("admin", admin))
    return [await _check_address(name, address, running=running) for name, address in pairs]


async def check_disks(config: Config) -> list[Check]:
    """Return whether there is room and leave to write under each SQLite file."""
    named = (("broker.url", config.broker.url), ("consumers.state", config.consumers.state))
    paths = [(name, path) for name, url in named if (path := sqlite_path(url)) is not None]
    return [await asyncio.to_thread(_check_disk, name, path) for name, path in paths]


async def _check_address(name: str, address: Address, *, running: bool) -> Check:
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, address.host, address.port)
    except OSError as error:
        if running:
            return ok(name, f"{address} is served by the Hookline that runs there")
        advice = f"end what uses it, or change server.{name}"
        return fail(
            name, f"{address} cannot be listened on: {os.strerror(error.errno) if error.errno else error}", advice
        )
    server.close()
    await server.wait_closed()
    return ok(name, f"{address} is free")


async def _is_hookline(admin: Address) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(admin.host, admin.host)  # noqa: S104 - compared, not bound
    url = f"http://{Address(host, admin.port)}/healthz"
    try:
        timeout = aiohttp.ClientTimeout(total=_DEADLINE)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            fields = await answer.json()
    except (aiohttp.ClientError, OSError, ValueError, TimeoutError):
        return False
    return isinstance(fields, dict) and "consumers" in fields


def _check_disk(name: str, path: Path) -> Check:
    folder = next((parent for parent in path.parents if parent.exists()), Path("/"))
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return fail(name, f"{folder} cannot be written to by this user", f"give it the right, or change {name}")
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        return fail(name, f"{path} cannot be written to by this user", f"give it the right, or change {name}")
    free = shutil.disk_usage(folder).free
    text = f"{path}: {free >> 20} MiB free"
    if free < _MUCH_TOO_LITTLE:
        return fail(name, text, "make room: when the disk is full, webhooks are answered 503")
    return ok(name, text) if free >= _TOO_LITTLE else warn(name, text, "make room soon")
