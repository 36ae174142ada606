"""What the cloud remembers of its deliveries, so that they can be looked for in the log afterwards."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from providers.simulation import Outgoing


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """One webhook that the receiver said it has: its content is the body, or the query where there is no body.

    `others` are the digests of what the attempts before it held: the receiver may have had one of those, whose answer
    was lost, and have answered this one as its repeat.
    """

    label: str
    body: bytes = field(repr=False)
    message_id: str | None = None
    expects_reply: bool = False
    method: str = "POST"
    query: str = field(default="", repr=False)
    content_type: str = "application/json"
    others: frozenset[bytes] = frozenset()


class Deliveries:
    """What was acknowledged, and the digests of what was forged.

    It holds at most `limit` bytes of bodies and queries; what comes after that is only counted, in `unchecked`.
    """

    def __init__(self, limit: int = 64 * 1024 * 1024) -> None:
        self._limit = limit
        self._acknowledged: dict[bytes, Acknowledged] = {}
        self._order: list[bytes] = []
        self._forged: set[bytes] = set()
        self._size = 0
        self.unchecked = 0

    def acknowledge(self, outgoing: Outgoing, body: bytes, earlier: Sequence[bytes] = ()) -> None:
        """Remember that the receiver acknowledged this content, unless it has acknowledged an earlier attempt.

        `earlier` are the bodies of the attempts before it.
        """
        digest, *others = (content_digest(one, outgoing.query) for one in (body, *earlier))
        if not self._acknowledged.keys().isdisjoint((digest, *others)):
            return
        size = len(body) + len(outgoing.query)
        if self._size + size > self._limit:
            self.unchecked += 1
            return
        self._size += size
        self._order.append(digest)
        self._acknowledged[digest] = Acknowledged(
            label=outgoing.label,
            body=body,
            message_id=outgoing.message_id,
            expects_reply=outgoing.expects_reply,
            method=outgoing.method,
            query=outgoing.query,
            content_type=outgoing.content_type,
            others=frozenset(others) - {digest},
        )

    def forge(self, outgoing: Outgoing, body: bytes) -> None:
        """Remember that this content went out with a forged signature."""
        if self._size < self._limit:
            self._size += hashlib.sha256().digest_size
            self._forged.add(content_digest(body, outgoing.query))

    @property
    def acknowledged(self) -> tuple[Acknowledged, ...]:
        """What was acknowledged, in order."""
        return tuple(self._acknowledged.values())

    @property
    def size(self) -> int:
        """How many acknowledged contents it holds."""
        return len(self._order)

    def since(self, place: int) -> Sequence[tuple[bytes, Acknowledged]]:
        """Return what was acknowledged from the place on, in order, with the digests."""
        return [(digest, self._acknowledged[digest]) for digest in self._order[place:]]

    @property
    def forged(self) -> frozenset[bytes]:
        """The digests of what was sent forged and never genuine."""
        others = (entry.others for entry in self._acknowledged.values())
        return frozenset(self._forged.difference(self._acknowledged, *others))


def content_digest(body: bytes, query: str = "") -> bytes:
    """Return the SHA-256 of a body, or of the query where there is no body (a webhook by GET).

    A query is marked as one, so that it never has the digest of a body of the same bytes.
    """
    content = body or (b"?" + query.encode("utf-8", "surrogateescape") if query else b"")
    return hashlib.sha256(content).digest()
