"""How far a member is in one partition."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`position` is the first offset not done, `read` the next one to be read; None before the first record.

    `oldest` is the timestamp of the oldest record in hand that is not done, None where nothing is in hand.
    """

    position: int | None = None
    read: int | None = None
    oldest: int | None = None
    paused: bool = False
