"""Why the cluster cannot be reached, in plain words: aiokafka's clients keep the reason to themselves."""

import asyncio

from aiokafka.conn import create_conn

from broker.kafka.connection import Connection
from broker.kafka.errors import UNWELL, words

TRY_SECONDS = 2.0
PORT = 9092


async def why_not(connection: Connection) -> str | None:
    """Try each server and return what is wrong with the first one that fails, None where all answer."""
    arguments = connection.arguments()
    del arguments["bootstrap_servers"]
    for server in connection.servers:
        host, colon, port = server.rpartition(":")
        try:
            async with asyncio.timeout(TRY_SECONDS):
                reached = await create_conn(host if colon else server, int(port) if colon else PORT, **arguments)
        except UNWELL as error:
            return f"{server}: {words(error)}"
        reached.close()
    return None
