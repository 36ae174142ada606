"""Wires confirm."""

from typing import Any

import structlog

from consumers.confirm.consumer import confirm
from hookline.consuming.parts import CrewParts, Made
from hookline.process.startup import confirmers_of

logger: Any = structlog.get_logger()


def make(parts: CrewParts) -> Made:
    """Return the consumer that marks at the provider what is stored here."""
    confirmers, unable = confirmers_of(parts.config)
    for item in unable:
        logger.warning("account_cannot_confirm", account=item.account, reason=item.reason)

    async def close() -> None:
        for confirmer in confirmers.values():
            await confirmer.close()

    consumer = confirm(parts.config.consumers.confirm, confirmers, parts.metrics, parts.clock)
    return Made(consumer, close=close)
