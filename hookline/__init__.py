"""Hookline: verified messaging webhooks into a durable log, and what follows from them.

The clients are usable alone:

    from hookline import TelnyxClient

    async with TelnyxClient() as telnyx:
        message = await telnyx.send(from_="+15550100", to="+15550101", text="Hello")

What they take and give are classes of `hookline.telnyx`, `hookline.messagemedia` and `hookline.syniverse`.

A consumer of typed events is a few lines, which `hookline consume crm:crm` runs:

    from hookline import Consumer, MessageReceived

    crm = Consumer("crm")

    @crm.on(MessageReceived)
    async def note(event: MessageReceived) -> None: ...

Events and words that are rarer than those named here are in `hookline.events`.
"""

from typing import TYPE_CHECKING, Any

from hookline.version import __version__

if TYPE_CHECKING:
    from consumers.consumer import Reject, TryLater
    from hookline.kit.consumer import Consumer
    from hookline.kit.context import Context
    from providers.contract import Secret
    from providers.messagemedia.client import MessageMediaClient
    from providers.rest.errors import (
        ApiError,
        AuthenticationError,
        ConflictError,
        DeadlineError,
        LimitError,
        NotConnectedError,
        NotFoundError,
        OutcomeUnknownError,
        ProviderFaultError,
        RateLimitedError,
        RefusedError,
        UnreadableAnswerError,
    )
    from providers.rest.pages import Page, Pages
    from providers.rest.transport import Tempo
    from providers.syniverse.client import SyniverseClient
    from providers.telnyx.client import TelnyxClient
    from schemas.events import (
        ConsentChanged,
        DeliveryUpdated,
        Event,
        InboundMessage,
        MessageReceived,
        MessageReplied,
        SendCompleted,
    )
    from schemas.vocabulary import DeliveryStatus

__all__ = [
    "ApiError",
    "AuthenticationError",
    "ConflictError",
    "ConsentChanged",
    "Consumer",
    "Context",
    "DeadlineError",
    "DeliveryStatus",
    "DeliveryUpdated",
    "Event",
    "InboundMessage",
    "LimitError",
    "MessageMediaClient",
    "MessageReceived",
    "MessageReplied",
    "NotConnectedError",
    "NotFoundError",
    "OutcomeUnknownError",
    "Page",
    "Pages",
    "ProviderFaultError",
    "RateLimitedError",
    "RefusedError",
    "Reject",
    "Secret",
    "SendCompleted",
    "SyniverseClient",
    "TelnyxClient",
    "Tempo",
    "TryLater",
    "UnreadableAnswerError",
    "__version__",
]

_MODULES = {
    "ConsentChanged": "schemas.events",
    "Consumer": "hookline.kit.consumer",
    "Context": "hookline.kit.context",
    "DeliveryStatus": "schemas.vocabulary",
    "DeliveryUpdated": "schemas.events",
    "Event": "schemas.events",
    "InboundMessage": "schemas.events",
    "MessageMediaClient": "providers.messagemedia.client",
    "MessageReceived": "schemas.events",
    "MessageReplied": "schemas.events",
    "Page": "providers.rest.pages",
    "Pages": "providers.rest.pages",
    "Reject": "consumers.consumer",
    "Secret": "providers.contract",
    "SendCompleted": "schemas.events",
    "SyniverseClient": "providers.syniverse.client",
    "TelnyxClient": "providers.telnyx.client",
    "Tempo": "providers.rest.transport",
    "TryLater": "consumers.consumer",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for: the command line starts without them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    # What has no line of its own is an error.
    return getattr(import_module(_MODULES.get(name, "providers.rest.errors")), name)
