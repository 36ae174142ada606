"""Whose address a request came from, where a proxy stands in front. Pure.

`X-Forwarded-For` is a list to which each proxy adds, on the right, the address that connected to it. Anybody can send
one, so it counts only where the direct peer is a proxy that we trust, and then only up to the first address from the
right that is none: what stands left of that one is the client's own word.

`Forwarded` (RFC 7239) is not read: a proxy that writes one of the two passes the other on as the client wrote it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from schemas.webhook import HttpHeaders

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

FORWARDED_FOR = "x-forwarded-for"
MOST_HOPS = 32
"""Entries that are looked at from the right. No chain of proxies is that long."""


def network_of(text: str) -> Network:
    """Return the address or network that a text names. Raises ValueError, also for one that is everybody."""
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no address or network like 10.0.0.0/8") from error
    if not network.prefixlen:
        raise ValueError(f"{text!r} is everybody: anybody could write the header that is believed then")
    return network


def address_of(text: str | None) -> Address | None:
    """Return the address that a text is, with or without a port, None where it is none.

    An IPv4 address in IPv6 form is the IPv4 address.
    """
    bare = (text or "").strip(" \t")
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The proxies whose word counts."""

    networks: tuple[Network, ...] = ()

    def has(self, address: Address) -> bool:
        """Tell whether an address is one of the proxies."""
        return any(address in network for network in self.networks)

    def client(self, peer: str | None, headers: HttpHeaders) -> str | None:
        """Return the client's address: the rightmost that is no proxy of ours, where the peer is one.

        An entry that is no address ends the search: the proxy that passed it on is the last that is known.
        """
        direct = address_of(peer)
        if direct is None or not self.has(direct):
            return peer
        last = direct
        for text in reversed(_entries(headers)):
            address = address_of(text)
            if address is None:
                break
            last = address
            if not self.has(address):
                break
        return str(last)


def trusted(texts: Sequence[str]) -> TrustedProxies:
    """Return the proxies of `[server] trusted_proxies`. Raises ValueError."""
    return TrustedProxies(tuple(network_of(text) for text in texts))


def _entries(headers: HttpHeaders) -> Sequence[str]:
    joined = ",".join(value for name, value in headers if name == FORWARDED_FOR)
    return joined.rsplit(",", MOST_HOPS)[-MOST_HOPS:] if joined else ()
