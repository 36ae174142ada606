"""Asking a process that runs, and waiting for what it will say."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp


async def ask(address: str, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Return status and body of an answer."""
    timeout = aiohttp.ClientTimeout(total=10)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(method, f"http://{address}{path}") as answer,
    ):
        return answer.status, await answer.read()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is true, for some seconds at most."""
    async with asyncio.timeout(20):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)
