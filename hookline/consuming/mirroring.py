"""Wires mirror."""

from typing import Any

import structlog

from consumers.mirror.client import OldHandlers
from consumers.mirror.consumer import mirror
from hookline.consuming.parts import CrewParts, Made
from providers.credentials import is_reference

logger: Any = structlog.get_logger()


def make(parts: CrewParts) -> Made:
    """Return the consumer that posts raw webhooks to old handlers."""
    settings = parts.config.consumers.mirror
    for name, target in settings.targets.items():
        missing = [value for value in target.headers.values() if is_reference(value)]
        if missing:
            logger.error("mirror_secret_missing", target=name, missing=missing)
    handlers = OldHandlers(settings.connections, parts.clock)
    return Made(mirror(settings, handlers, parts.metrics, parts.clock), close=handlers.close)
