"""Wires send."""

from dataclasses import replace
from typing import Any

import structlog

from consumers.consent.book import ConsentBook
from consumers.send.consumer import send
from hookline.consuming.parts import CrewParts, Made
from hookline.process.startup import senders_of
from hookline.replies import mute_accounts

logger: Any = structlog.get_logger()

ONE_HOST = (
    "its ledger is an SQLite file, which the other cannot see, so both would send: let one of them alone send, or give "
    "both one PostgreSQL as `consumers.state` (docs/state.md); what a crash left in the group is gone after 10 seconds"
)
"""Why the sender has to be alone in its group, and what to do where it is not."""


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
    if not parts.database.shared:
        consumer = replace(consumer, sole=ONE_HOST)
    return Made(consumer, needs_state=True, close=close)
