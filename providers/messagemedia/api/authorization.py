"""How calls to MessageMedia prove who makes them: Basic, or HMAC over date, body digest and request line.

Source: README of this folder, section 1.
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from enum import StrEnum
from typing import Any

from providers.contract import AccountError, Secret
from providers.rest.errors import RefusedError
from providers.rest.transport import Call, Credentials
from schemas.times import Clock

# A quote would end the value in the header, a colon the user name of Basic (RFC 7617, 2).
_KEY = re.compile(r"[!#-9;-~]+", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)


class Authentication(StrEnum):
    """How calls are proved. An API key is made for Basic or for HMAC, not for both."""

    BASIC = "basic"
    HMAC_SHA256 = "hmac-sha256"
    HMAC_SHA1 = "hmac-sha1"


_DIGESTS: Mapping[Authentication, Callable[..., Any]] = {
    Authentication.HMAC_SHA256: hashlib.sha256,
    Authentication.HMAC_SHA1: hashlib.sha1,
}


@dataclass(frozen=True, slots=True)
class Basic:
    """The key as user name, the secret as password."""

    key: Secret
    secret: Secret

    async def headers(self, call: Call, target: str) -> Mapping[str, str]:  # noqa: ARG002 - the same for every call
        """Return the header that proves it."""
        pair = f"{self.key.value}:{self.secret.value}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    async def renew(self, refusal: RefusedError, sent: Mapping[str, str]) -> bool:  # noqa: ARG002 - a key stays
        """Return that nothing can be renewed."""
        return False


@dataclass(frozen=True, slots=True)
class Hmac:
    """A signature over the date, the digest of the body if there is one, and the real request line."""

    key: Secret
    secret: Secret
    algorithm: Authentication = Authentication.HMAC_SHA256
    clock: Clock = time.time

    async def headers(self, call: Call, target: str) -> Mapping[str, str]:
        """Return the headers that prove it; the date is the moment of this very try."""
        signed = {"Date": formatdate(self.clock(), usegmt=True)}
        if call.body is not None:
            signed["Content-MD5"] = hashlib.md5(call.body, usedforsecurity=False).hexdigest()
        return {**signed, "Authorization": self.authorization(signed, f"{call.method} {target} HTTP/1.1")}

    def authorization(self, signed: Mapping[str, str], request_line: str) -> str:
        """Return the value of `Authorization` for those headers, in their order, and that request line."""
        lines = [*(f"{name}: {value}" for name, value in signed.items()), request_line]
        digest = hmac.new(self.secret.value.encode(), "\n".join(lines).encode(), _DIGESTS[self.algorithm]).digest()
        names = " ".join((*signed, "request-line"))
        signature = base64.b64encode(digest).decode()
        return (
            f'hmac username="{self.key.value}", algorithm="{self.algorithm}", headers="{names}", '
            f'signature="{signature}"'
        )

    async def renew(self, refusal: RefusedError, sent: Mapping[str, str]) -> bool:  # noqa: ARG002 - a key stays
        """Return that nothing can be renewed."""
        return False


def credentials_of(key: Secret, secret: Secret, authentication: str, clock: Clock = time.time) -> Credentials:
    """Return the proof of that kind, of the words of Authentication.

    Raises AccountError for another word, and for a key or secret that cannot be one; it shows neither.
    """
    key, secret = _checked(key, "API key", _KEY), _checked(secret, "API secret", _VISIBLE)
    if authentication not in set(Authentication):
        raise AccountError(f"authentication must be one of: {', '.join(Authentication)}")
    kind = Authentication(authentication)
    return Basic(key, secret) if kind is Authentication.BASIC else Hmac(key, secret, kind, clock)


def _checked(value: Secret, what: str, allowed: re.Pattern[str]) -> Secret:
    trimmed = value.value.strip()
    if not allowed.fullmatch(trimmed):
        raise AccountError(f"{value.origin} holds no {what}: it is empty or has characters that none has")
    return Secret(trimmed, value.origin)
