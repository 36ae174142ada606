"""The log as commands open it, beside running processes: for a while, with a deadline."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from broker.log import Log, LogError
from broker.opening import open_log
from hookline.called import command, config_words
from hookline.configuration.config import Config
from hookline.errors import CommandError
from hookline.topics import log_exists
from schemas.topics import Topic

_START_WAIT = 30.0
_STOP_WAIT = 10.0
_VERDICT = 5.0


def check_log(config: Config) -> None:
    """See to it that there is a log. Blocks. Raises CommandError."""
    if not log_exists(config.broker):
        raise CommandError(
            f"there is no log at {config.broker.url} yet; `{command('run', *config_words(config.path))}` makes it"
        )


async def check_topics(config: Config, log: Log, *topics: Topic) -> None:
    """See to it that the log has these topics: one without is mostly another log. Raises CommandError, LogError."""
    missing = [topic.name for topic in topics if not await log.partitions(topic.name)]
    if missing:
        apply = await asyncio.to_thread(command, "topics", "apply", *config_words(config.path))
        where = f"the log at {config.broker.url} has no topic {', '.join(missing)}"
        raise CommandError(f"{where}; is it the right one, and broker.topic_prefix? then `{apply}` makes them")


@asynccontextmanager
async def opened_log(config: Config) -> AsyncGenerator[Log]:
    """Give the log, a member of no group. Raises CommandError where it is not there or does not answer, also later."""
    await asyncio.to_thread(check_log, config)
    log = open_log(config.broker, ingesting=False)
    try:
        async with asyncio.timeout(_START_WAIT):
            await log.start()
            await log.settled(_VERDICT)
        yield log
    except (LogError, TimeoutError) as error:
        why = str(error) or "no answer in time"
        doctor = await asyncio.to_thread(command, "doctor", *config_words(config.path))
        raise CommandError(f"the log at {config.broker.url} does not answer: {why}; `{doctor}` says more") from error
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_WAIT):
                await log.stop()
