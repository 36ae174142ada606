"""Hookline: verified messaging webhooks into a durable log, and what follows from them.

The clients are usable alone:

    from hookline import TelnyxClient

    async with TelnyxClient() as telnyx:
        message = await telnyx.send(from_="+15550100", to="+15550101", text="Hello")

What they take and give are classes of `hookline.telnyx`, `hookline.messagemedia` and `hookline.syniverse`.
"""

from typing import TYPE_CHECKING, Any

from hookline.version import __version__

if TYPE_CHECKING:
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

__all__ = [
    "ApiError",
    "AuthenticationError",
    "ConflictError",
    "DeadlineError",
    "LimitError",
    "MessageMediaClient",
    "NotConnectedError",
    "NotFoundError",
    "OutcomeUnknownError",
    "Page",
    "Pages",
    "ProviderFaultError",
    "RateLimitedError",
    "RefusedError",
    "Secret",
    "SyniverseClient",
    "TelnyxClient",
    "Tempo",
    "UnreadableAnswerError",
    "__version__",
]

_MODULES = {
    "MessageMediaClient": "providers.messagemedia.client",
    "Page": "providers.rest.pages",
    "Pages": "providers.rest.pages",
    "Secret": "providers.contract",
    "SyniverseClient": "providers.syniverse.client",
    "TelnyxClient": "providers.telnyx.client",
    "Tempo": "providers.rest.transport",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for: the command line starts without the clients."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    # What has no line of its own is an error.
    return getattr(import_module(_MODULES.get(name, "providers.rest.errors")), name)
