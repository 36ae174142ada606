"""What an operation answered, as JSON."""

import asyncio
import base64
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson

from hookline.calling.parser import Asked
from hookline.errors import CommandError
from providers.rest.models import Model, to_json
from providers.rest.pages import Page, Pages

Write = Callable[[str], Any]


async def print_answer(result: Any, asked: Asked, write: Write = sys.stdout.write) -> None:
    """Print what a method of a client returned: awaited, or page by page. Raises ApiError, CommandError."""
    if isinstance(result, Pages):
        await _print_pages(result, asked, write)
        return
    answer = await result if isinstance(result, Awaitable) else result
    if isinstance(answer, bytes):
        answer = await _bytes(answer, asked.output)
    write(_text(answer) + "\n")


def plain(value: Any) -> Any:
    """Return a value as JSON has it: what the provider said of a Model, where it said anything."""
    if isinstance(value, Model):
        return dict(value.raw) or to_json(value)
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


async def _print_pages(pages: Pages[Any], asked: Asked, write: Write) -> None:
    if asked.page is not None:
        page = await _page(pages, asked.page)
        body = {"items": plain(page.items), "page": page.place, "next_page": page.next_place, "total": page.total}
        write(_text(body) + "\n")
        return
    number = 0
    async for item in pages:
        if asked.most is not None and number >= asked.most:
            break
        number += 1
        # Nothing before the first page is here: an error alone is no half of a list.
        write(("[\n" if number == 1 else ",\n") + _text(item))
    write("\n]\n" if number else "[]\n")


async def _page(pages: Pages[Any], text: str) -> Page[Any]:
    try:
        return await pages.page(_place(text))
    except TypeError as error:
        raise CommandError(
            f"--page {text}: the pages of this list are named otherwise; the first tells the next"
        ) from error


def _place(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() else text


async def _bytes(data: bytes, output: Path | None) -> Any:
    if output is None:
        return {"bytes": len(data), "base64": base64.b64encode(data).decode("ascii")}
    try:
        await asyncio.to_thread(output.write_bytes, data)
    except OSError as error:
        raise CommandError(f"{output}: cannot be written: {error.strerror}") from error
    return {"bytes": len(data), "file": str(output)}


def _text(value: Any) -> str:
    option = orjson.OPT_INDENT_2 if sys.stdout.isatty() else 0
    return orjson.dumps(plain(value), default=str, option=option).decode()
