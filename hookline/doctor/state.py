"""Checks of the consumers' state: can it be used by the consumers that need it?"""

import asyncio

from consumers.state.database import StateError
from consumers.state.errors import NotOursError
from consumers.state.survey import Survey, refuse_file, survey
from hookline.configuration.config import Config
from hookline.doctor.report import Check, fail, ok
from hookline.sqlite_files import examine
from schemas.urls import sqlite_path

_DEADLINE = 12.0
_WAITS = "the consumers that need it wait, the receiver does not"


async def check_state(config: Config) -> list[Check]:
    """Return whether the consumers can use their state; the receiver needs none."""
    path = sqlite_path(config.consumers.state)
    if path is None:
        return [await _check_server(config.consumers.state)]
    trouble = await asyncio.to_thread(examine, path, "commands")
    if trouble is not None:
        return [fail("state", f"{path} {trouble.what}; {_WAITS}", trouble.advice)]
    try:
        if await asyncio.to_thread(path.exists):
            await asyncio.to_thread(refuse_file, path)
    except StateError as error:
        return [fail("state", f"{path}: {error}; {_WAITS}", "run the version that made it, or name another file")]
    return [ok("state", f"{path} is sound, or made by the first start")]


async def _check_server(url: str) -> Check:
    try:
        async with asyncio.timeout(_DEADLINE):
            found = await asyncio.to_thread(survey, url)
    except NotOursError as error:
        return fail("state", f"{error}; {_WAITS}", "run the version that made it, or name another database")
    except StateError as error:
        return fail("state", f"{error}; {_WAITS}", "is the address right, is PostgreSQL up, may this user log in?")
    except TimeoutError:
        return fail("state", f"no answer in time; {_WAITS}", "is PostgreSQL up, does a firewall drop what is sent?")
    return _verdict(found)


def _verdict(found: Survey) -> Check:
    if found.read_only:
        return fail("state", f"{found.place} takes no writes; {_WAITS}", "name the primary, not a standby")
    if found.missing:
        advice = "GRANT what is missing to the user of the URL, or let it own its tables"
        return fail("state", f"{found.place}: this user lacks {', '.join(found.missing)}; {_WAITS}", advice)
    if found.version is None:
        return ok("state", f"{found.place} is empty; the first start makes its tables")
    return ok("state", f"{found.place} answers; its schema is {found.version}")
