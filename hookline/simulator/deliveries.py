"""What the cloud remembers of its deliveries, so that they can be looked for in the log afterwards."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from providers.simulation import Outgoing


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """One request body that the receiver said it has."""

    label: str
    body: bytes = field(repr=False)
    message_id: str | None = None
    expects_reply: bool = False


class Deliveries:
    """The bodies that were acknowledged and the digests of the forged ones.

    It holds at most `limit` bytes of bodies; what comes after that is only counted, in `unchecked`.
    """

    def __init__(self, limit: int = 64 * 1024 * 1024) -> None:
        self._limit = limit
        self._acknowledged: dict[bytes, Acknowledged] = {}
        self._order: list[bytes] = []
        self._forged: set[bytes] = set()
        self._size = 0
        self.unchecked = 0

    def acknowledge(self, outgoing: Outgoing, body: bytes) -> None:
        """Remember that the receiver acknowledged this body."""
        digest = body_digest(body)
        if digest in self._acknowledged:
            return
        if self._size + len(body) > self._limit:
            self.unchecked += 1
            return
        self._size += len(body)
        self._order.append(digest)
        self._acknowledged[digest] = Acknowledged(
            label=outgoing.label, body=body, message_id=outgoing.message_id, expects_reply=outgoing.expects_reply
        )

    def forge(self, body: bytes) -> None:
        """Remember that this body went out with a forged signature."""
        if self._size < self._limit:
            self._size += hashlib.sha256().digest_size
            self._forged.add(body_digest(body))

    @property
    def acknowledged(self) -> tuple[Acknowledged, ...]:
        """What was acknowledged, in order."""
        return tuple(self._acknowledged.values())

    @property
    def size(self) -> int:
        """How many bodies it holds."""
        return len(self._order)

    def since(self, place: int) -> Sequence[tuple[bytes, Acknowledged]]:
        """Return what was acknowledged from the place on, in order, with the digests of the bodies."""
        return [(digest, self._acknowledged[digest]) for digest in self._order[place:]]

    @property
    def forged(self) -> frozenset[bytes]:
        """The digests of bodies that were sent forged and never genuine."""
        return frozenset(self._forged - self._acknowledged.keys())


def body_digest(body: bytes) -> bytes:
    """Return the SHA-256 of a body."""
    return hashlib.sha256(body).digest()
