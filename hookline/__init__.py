"""Hookline: verified messaging webhooks into a durable log, and what follows from them.

The clients are usable alone:

    from hookline import TelnyxClient

    async with TelnyxClient() as telnyx:
        message = await telnyx.send(from_="+15550100", to="+15550101", text="Hello")
"""

from typing import TYPE_CHECKING, Any

from hookline.version import __version__

if TYPE_CHECKING:
    from providers.messagemedia.client import MessageMediaClient
    from providers.syniverse.client import SyniverseClient
    from providers.telnyx.client import TelnyxClient

__all__ = ["MessageMediaClient", "SyniverseClient", "TelnyxClient", "__version__"]

_CLIENTS = {
    "MessageMediaClient": "providers.messagemedia.client",
    "SyniverseClient": "providers.syniverse.client",
    "TelnyxClient": "providers.telnyx.client",
}


def __getattr__(name: str) -> Any:
    """Import a client when it is asked for: the command line starts without them."""
    if name not in _CLIENTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_CLIENTS[name]), name)
