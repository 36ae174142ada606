"""Deliveries of reports and replies: as fixed notifications, and as webhooks by a template."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import orjson

from providers.messagemedia.simulation.bodies import Reply, Report
from providers.messagemedia.simulation.templates import Variables, render
from providers.simulation import Outgoing

FORM = "application/x-www-form-urlencoded"
XML = "application/xml"


def callback(told: Report | Reply, after: float = 0.0, **more: Any) -> Outgoing:
    """Return the fixed notification of a report or a reply."""
    body = orjson.dumps(told.callback())
    kind = f"callback {told.status}" if isinstance(told, Report) else "callback reply"
    return Outgoing(label=kind, body=lambda _attempt: body, after=after, message_id=message_of(told), **more)


def webhook(label: str, template: str, told: Report | Reply, **more: Any) -> Outgoing:
    """Return the delivery of a webhook with a body; only `$retryCount` differs from attempt to attempt."""
    variables = told.variables()
    return Outgoing(label=label, body=_rendered(template, variables), message_id=message_of(told), **more)


def opt_out(label: str, template: str, told: Reply, **more: Any) -> Outgoing:
    """Return the delivery of a webhook for an opt-out, which is no reply and has no id of one."""
    return Outgoing(label=label, body=_rendered(template, told.opt_out()), **more)


def by_query(label: str, template: str, told: Report | Reply, **more: Any) -> Outgoing:
    """Return the delivery of a webhook by GET: the variables stand in the URL, escaped."""
    texts = {name: value for name, value in told.variables().items() if isinstance(value, str)}
    query = render(template, {name: quote(value, safe="") for name, value in texts.items()})
    return Outgoing(
        label=label, method="GET", query=query, body=lambda _attempt: b"", message_id=message_of(told), **more
    )


def message_of(told: Report | Reply) -> str:
    """Return the id that our events of it have as `message_id`: the message, or the reply itself."""
    return told.sent.id if isinstance(told, Report) else told.id


def _rendered(template: str, variables: Variables) -> Callable[[int], bytes]:
    return lambda attempt: render(template, {**variables, "retryCount": str(attempt - 1)}).encode()
