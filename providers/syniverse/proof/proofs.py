"""The proofs that an account configured: passwords, tokens, certificates that a proxy has verified.

Event Manager signs nothing (specification, 8.11). Whoever calls proves himself by what the delivery configuration
offers: Basic, OAuth 2.0 (a bearer token of our own issuer) or mutual TLS (8.9).
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from providers.base64_text import decode_strictly
from providers.contract import Account, AccountError, Secret, Verdict

Network = IPv4Network | IPv6Network
AUTHORIZATION = "authorization"
_FINGERPRINT = re.compile(r"(?:sha-?(?:1|256)(?: fingerprint)?[:=] ?)?((?:[0-9a-f]{2}[: ]?){19,31}[0-9a-f]{2})")
_DIGITS_OF_HASHES = (40, 64)
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
# What any sender writes of itself, or of the way that it came: a proxy that names certificates there names none.
_TAKEN = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "authorization", "connection", "content-encoding"),
        *("content-length", "content-type", "cookie", "date", "expect", "forwarded", "host", "keep-alive", "te"),
        *("trailer", "transfer-encoding", "upgrade", "user-agent", "via"),
        *("x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-real-ip"),
        *("x-ess-event-key", "x-ess-event-timestamp"),
    }
)
_BASIC_FORM = "write user:password, or a table with username and password"


@dataclass(frozen=True, slots=True)
class Credential:
    """One secret that proves a sender, as its SHA-256. `name` may be shown, `origin` names the configuration.

    `user` is the digest of the user's name, for Basic alone: so that an operator can be told which of the two is wrong.
    """

    name: str
    origin: str
    digest: bytes = field(repr=False)
    user: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class MutualTls:
    """What a proxy that verified a certificate says of it: in which header, which values count, which proxies may."""

    header: str
    values: tuple[Credential, ...]
    proxies: tuple[Network, ...]

    def trusts(self, peer: str | None) -> bool:
        """Tell whether a request came from one of the proxies."""
        if peer is None:
            return False
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return any((mapped or address) in network for network in self.proxies)


@dataclass(frozen=True, slots=True)
class Proofs:
    """All proofs of an account; any one that fits will do."""

    basic: tuple[Credential, ...] = ()
    bearer: tuple[Credential, ...] = ()
    mtls: MutualTls | None = None


def digest_of(secret: bytes) -> bytes:
    """Return what is compared in place of a secret: of one length, so that no comparison tells the secret's."""
    return hashlib.sha256(secret).digest()


def matching(credentials: Sequence[Credential], given: bytes) -> Credential | None:
    """Return the credential that was given. It takes the same time whichever it is, and if it is none."""
    digest = digest_of(given)
    found = [credential for credential in credentials if hmac.compare_digest(credential.digest, digest)]
    return found[0] if found else None


def scheme_and_rest(header: str) -> tuple[str, str]:
    """Return the scheme of an `Authorization` in lower case, which case does not matter of, and what follows it."""
    scheme, _, rest = header.strip(" \t").partition(" ")
    return scheme.lower(), rest.strip(" ")


def basic_pair(text: str) -> bytes | None:
    """Return the `user:password` of a Basic credential, None where it is not base64 in its one canonical form."""
    return decode_strictly(text)


def certificate(text: str) -> bytes:
    """Return what names a certificate, for comparing.

    A SHA-1 or SHA-256 fingerprint is compared as its hexadecimal digits, whatever their case, with or without colons,
    spaces or a `sha256:` in front. Anything else, such as a subject, is compared as it is written, trimmed.
    """
    written = text.strip()
    found = _FINGERPRINT.fullmatch(written.lower())
    digits = re.sub("[: ]", "", found[1]) if found else ""
    return (digits if len(digits) in _DIGITS_OF_HASHES else written).encode("utf-8", "surrogatepass")


def proofs_of(account: Account) -> Proofs:
    """Return the proofs of an account.

    Raises AccountError: NOT_CONFIGURED where there is none, INVALID_KEY where one is malformed.
    """
    settings = account.settings
    basic = tuple(_basic(account.name, n, item) for n, item in enumerate(_listed(settings.get("basic")), 1))
    bearer = tuple(_bearer(account.name, n, item) for n, item in enumerate(_listed(settings.get("bearer")), 1))
    mtls = _mtls(account.name, settings["mtls"]) if settings.get("mtls") else None
    if not basic and not bearer and mtls is None:
        raise AccountError(
            f"account {account.name!r} has none of basic, bearer and mtls: nobody could be proved; "
            "give Event Manager's delivery configuration a user and a password, and name them here under basic"
        )
    return Proofs(basic, bearer, mtls)


def _listed(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def _basic(account: str, place: int, item: object) -> Credential:
    user, password, origin = _user_and_password(item)
    if not user or not password or ":" in user:
        where = f" ({origin})" if origin else ""
        raise AccountError(
            f"account {account!r}: basic {place}{where} is no user and password; {_BASIC_FORM}", Verdict.INVALID_KEY
        )
    pair = f"{user}:{password}".encode()
    return Credential(f"basic:{place}", origin, digest_of(pair), digest_of(user.encode()))


def _user_and_password(item: object) -> tuple[str, str, str]:
    """Return user, password, and where the password comes from; empty texts where they are not told."""
    if isinstance(item, Secret):
        written = item.value.partition(":")
        return written[0], written[2], item.origin
    table: Mapping[str, Any] = item if isinstance(item, Mapping) else {}
    user, secret = table.get("username"), table.get("password")
    if not isinstance(user, str) or not isinstance(secret, Secret):
        return "", "", ""
    return user, secret.value, secret.origin


def _bearer(account: str, place: int, item: object) -> Credential:
    token = item.value.strip() if isinstance(item, Secret) else ""
    if not isinstance(item, Secret) or not token or not token.isascii() or any(sign.isspace() for sign in token):
        origin = f" ({item.origin})" if isinstance(item, Secret) else ""
        raise AccountError(
            f"account {account!r}: bearer {place}{origin} is no token: it has to be ASCII without blanks",
            Verdict.INVALID_KEY,
        )
    return Credential(f"bearer:{place}", item.origin, digest_of(token.encode()))


def _mtls(account: str, table: object) -> MutualTls:
    parts: Mapping[str, Any] = table if isinstance(table, Mapping) else {}
    header, values, proxies = parts.get("header"), _listed(parts.get("values")), _listed(parts.get("proxies"))
    if not isinstance(header, str) or not _HEADER.fullmatch(header):
        raise AccountError(f"account {account!r}: mtls needs the header in which the proxy names the certificate")
    if header.lower() in _TAKEN:
        raise AccountError(f"account {account!r}: mtls: {header!r} cannot name the header of a certificate")
    if not values or not all(isinstance(value, str) and value.strip() for value in values):
        raise AccountError(f"account {account!r}: mtls needs values: fingerprints or subjects of certificates")
    if not proxies:
        # Without them anybody could write that header.
        raise AccountError(f"account {account!r}: mtls needs proxies: the networks whose header is believed")
    return MutualTls(
        header.lower(),
        tuple(
            Credential(f"mtls:{n}", "mtls.values", digest_of(certificate(value))) for n, value in enumerate(values, 1)
        ),
        tuple(_network(account, proxy) for proxy in proxies),
    )


def _network(account: str, text: object) -> Network:
    try:
        network = ip_network(str(text))
    except ValueError as error:
        raise AccountError(f"account {account!r}: mtls.proxies: {text!r} is no network like 10.0.0.0/8") from error
    if not network.prefixlen:
        raise AccountError(f"account {account!r}: mtls.proxies: {text!r} is everybody: anybody could write that header")
    return network
