"""The providers that there are, by name."""

from collections.abc import Callable, Mapping

from providers import messagemedia, syniverse, telnyx
from providers.contract import AccountError, Provider
from providers.messagemedia.simulation.cloud import MessageMediaCloud
from providers.simulation import Cloud
from providers.syniverse.simulation.cloud import SyniverseCloud
from providers.telnyx.simulation.cloud import TelnyxCloud

PROVIDERS: Mapping[str, Provider] = {
    each.name: each for each in (telnyx.PROVIDER, messagemedia.PROVIDER, syniverse.PROVIDER)
}
"""Every provider, by the name that an account's `provider` gives."""

CLOUDS: Mapping[str, Callable[[bytes | None], Cloud]] = {
    "telnyx": TelnyxCloud,
    "messagemedia": MessageMediaCloud,
    "syniverse": SyniverseCloud,
}
"""The simulated cloud of every provider, by the same names. A cloud with a seed of 32 bytes is always the same."""


def provider(name: str) -> Provider:
    """Return the provider of that name. Raises AccountError, which names those that there are."""
    found = PROVIDERS.get(name)
    if found is None:
        raise AccountError(f"no provider {name!r}; there are: {', '.join(PROVIDERS)}")
    return found


def cloud(name: str, seed: bytes | None = None) -> Cloud:
    """Return a simulated cloud of that provider, with a new key, or the one that `seed` (32 bytes) gives.

    Raises AccountError where there is no such provider.
    """
    make = CLOUDS.get(name)
    if make is None:
        raise AccountError(f"no simulator of {name!r}; there are: {', '.join(CLOUDS)}")
    return make(seed)
