"""Proof that the log can store, while nobody stores: readiness must not rest on what was true an hour ago."""

import asyncio

from broker.embedded.session import WriteSession
from broker.embedded.writer import Writer
from broker.log import LogError

IDLE_SECONDS = 2.0
"""So long nothing may have settled before a proof is due."""

WAIT_SECONDS = 2.0
"""A proof waits longer for SQLite's lock and the fsync than a webhook does, so that it is not the first to fail."""

_LOOK_EVERY = 0.5
_BYTES = 16 * 1024


async def keep_proving(writer: Writer) -> None:
    """Prove whenever the writer was idle, also while it is away. Runs until it is cancelled."""
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        if writer.idle_seconds >= IDLE_SECONDS:
            await _prove(writer)


async def _prove(writer: Writer) -> None:
    try:
        await writer.submit(store_and_remove, WAIT_SECONDS)
    except LogError as error:
        # A disk that hangs settles nothing, so the writer itself would never know.
        writer.doubt(str(error))


def store_and_remove(session: WriteSession) -> None:
    """Store what a small webhook needs and take it away again, in one transaction that has to reach the disk.

    The row is in the place of partition 0, which no topic has. Nobody ever sees it.
    """
    session.connection.execute(
        "INSERT INTO records (id, timestamp, newest, headers, value) VALUES (0, 0, 0, x'', zeroblob(?))", (_BYTES,)
    )
    session.connection.execute("DELETE FROM records WHERE id = 0")
