"""Wires send."""

from typing import Any

import structlog

from consumers.consent.book import ConsentBook
from consumers.send.consumer import send
from hookline.consuming.parts import CrewParts, Made
from hookline.process.startup import senders_of
from hookline.replies import mute_accounts

logger: Any = structlog.get_logger()


def make(parts: CrewParts) -> Made:
    """Return the consumer that carries commands out."""
    senders, unable = senders_of(parts.config)
    mute = {item.account: item for item in mute_accounts(parts.config)}
    for account, found in mute.items():
        fields = {"replies": found.replies, "reason": found.reason, "advice": found.advice}
        logger.error("replies_cannot_be_sent", account=account, **fields)
    for item in unable:
        if item.account not in mute:
            logger.warning("account_cannot_send", account=item.account, reason=item.reason)

    async def close() -> None:
        for sender in senders.values():
            await sender.close()

    settings = parts.config.consumers.send
    consents = ConsentBook(parts.database)
    consumer = send(settings, parts.log, senders, parts.ledger, parts.metrics, parts.clock, consents=consents)
    return Made(consumer, needs_state=True, close=close)
