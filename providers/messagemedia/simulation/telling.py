"""Deliveries of reports and replies: as fixed notifications, and as webhooks by a template."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from providers.messagemedia.simulation.bodies import Reply, Report
from providers.messagemedia.simulation.templates import render
from providers.simulation import Outgoing

FORM = "application/x-www-form-urlencoded"
XML = "application/xml"


def callback(told: Report | Reply, after: float = 0.0, **more: Any) -> Outgoing:
    """Return the fixed notification of a report or a reply."""
    body = orjson.dumps(told.callback())
    kind = f"callback {told.status}" if isinstance(told, Report) else "callback reply"
    return Outgoing(label=kind, body=lambda _attempt: body, after=after, message_id=told.sent.id, **more)


def webhook(label: str, template: str, variables: Mapping[str, str], message_id: str, **more: Any) -> Outgoing:
    """Return the delivery of a webhook with a body; only `$retryCount` differs from attempt to attempt."""
    return Outgoing(
        label=label,
        body=lambda attempt: render(template, {**variables, "retryCount": str(attempt - 1)}).encode(),
        message_id=message_id,
        **more,
    )


def by_query(label: str, template: str, variables: Mapping[str, str], message_id: str, **more: Any) -> Outgoing:
    """Return the delivery of a webhook by GET: the variables stand in the URL, escaped."""
    escaped = {name: quote(value, safe="") for name, value in variables.items()}
    return Outgoing(
        label=label,
        method="GET",
        query=render(template, escaped),
        body=lambda _attempt: b"",
        message_id=message_id,
        **more,
    )
