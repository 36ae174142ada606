"""Whether a call proves its caller: Basic, or HMAC over the headers that it lists."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field

from providers.api_calls import Call

_PARTS = re.compile(r'(\w+)="([^"]*)"')
_REQUEST_LINE = "request-line"


@dataclass(frozen=True, slots=True)
class Gate:
    """Knows one API key, which works for both kinds."""

    key: str
    secret: str = field(repr=False)

    def admits(self, call: Call) -> bool:
        """Tell whether the call is the customer's."""
        kind, _, rest = call.headers.get("authorization", "").partition(" ")
        match kind.lower():
            case "basic":
                pair = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode("ascii")
                return hmac.compare_digest(rest.strip().encode(), pair.encode())
            case "hmac":
                return self._signed(call, dict(_PARTS.findall(rest)))
            case _:
                return False

    def _signed(self, call: Call, parts: dict[str, str]) -> bool:
        digest = {"hmac-sha256": hashlib.sha256, "hmac-sha1": hashlib.sha1}.get(parts.get("algorithm", ""))
        names = parts.get("headers", "").split()
        if digest is None or parts.get("username") != self.key or not _covers(call, names):
            return False
        text = "\n".join(_line(call, name) for name in names)
        signature = base64.b64encode(hmac.new(self.secret.encode(), text.encode(), digest).digest())
        return hmac.compare_digest(signature, parts.get("signature", "").encode())


def _covers(call: Call, names: list[str]) -> bool:
    """Tell whether date, request line, and a body by its digest are under the signature."""
    lower = [name.lower() for name in names]
    if "date" not in lower or lower[-1:] != [_REQUEST_LINE]:
        return False
    if not call.body:
        return True
    named = next((name for name in lower if name.endswith("content-md5")), "")
    return call.headers.get(named) == hashlib.md5(call.body, usedforsecurity=False).hexdigest()


def _line(call: Call, name: str) -> str:
    if name == _REQUEST_LINE:
        return f"{call.method} {call.target} HTTP/1.1"
    return f"{name}: {call.headers.get(name.lower(), '')}"
