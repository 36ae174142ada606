"""The bytes that MessageMedia signs: request line, date and body, joined without anything between."""

VERSION = "HTTP/1.1"
"""The version of the signed line, whichever one a proxy speaks to us."""


def outer_target(target: str, outer_path: str | None) -> str:
    """Return the request target as MessageMedia sent it, with `outer_path` for its path; the query stays."""
    if outer_path is None:
        return target
    _, mark, query = target.partition("?")
    return f"{outer_path}{mark}{query}"


def request_line(method: str, target: str, version: str = VERSION) -> bytes:
    """Return the first line of a request as its bytes were."""
    return plain_bytes(f"{method} {target} {version}")


def signed_text(method: str, target: str, date: str, body: bytes) -> bytes:
    """Return what is signed."""
    return request_line(method, target) + plain_bytes(date) + body


def plain_bytes(text: str) -> bytes:
    """Return the bytes that a text of a request came as; what can never have come in a request passes too."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
