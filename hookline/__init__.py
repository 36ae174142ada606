"""Hookline: verified messaging webhooks into a durable log, and what follows from them."""

from hookline.version import __version__

__all__ = ["__version__"]
