"""What the state of a message is, whatever the order in which its news came. Pure.

A standing is what one piece of news says. Of two the greater is the state: by rank, then by the provider's time, then
by the event's id (P9). So news in any order, and any of it twice, end in the same state.

**A missing time** counts as earlier than every time that is there. Our own time would not do: a webhook, its retry and
its poll are one event with one id, and were received at different times, so the state would depend on which came
first. For the same reason whatever else a standing tells takes part in the order, behind the id: a poll may tell the
same event with other words.

**A word of a newer version** has no rank here, so it counts as `unknown`; the word is kept as the provider's, if the
provider gave none.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from schemas.vocabulary import DeliveryStatus

NO_MOMENT = -(1 << 62)
"""The time of news without one, in Unix milliseconds: before every time that a date can have."""

FINAL = frozenset(
    {
        *(DeliveryStatus.EXPIRED, DeliveryStatus.CANCELLED, DeliveryStatus.REJECTED),
        *(DeliveryStatus.FAILED, DeliveryStatus.DELIVERED, DeliveryStatus.READ),
    }
)
"""The states after which a provider has nothing more to tell; a later `read`, or a late `delivered`, still counts."""


@dataclass(frozen=True, slots=True, order=True)
class Standing:
    """Where a message to one recipient stands, in the order that decides between two. Absent texts are empty.

    `moment` is the provider's time in Unix milliseconds, or NO_MOMENT. `through` is the message whose news this is,
    where the standing is that of the message request that made it.
    """

    rank: int
    moment: int
    event_id: str
    status: str
    provider_status: str = ""
    failure_class: str = ""
    through: str = ""

    @property
    def final(self) -> bool:
        """Whether the provider has nothing more to tell."""
        return self.status in FINAL

    def behind(self, message_id: str) -> "Standing":
        """Return the same standing as that of the request which made the message."""
        return replace(self, through=message_id)


def standing(  # noqa: PLR0913 - what an event tells, each by its name
    status: str,
    event_id: str,
    *,
    moment: int = NO_MOMENT,
    provider_status: str | None = None,
    failure_class: str | None = None,
    through: str | None = None,
) -> Standing:
    """Return the standing that an event tells of; `status` may be a word that this version does not know."""
    known = word_of(status)
    return Standing(
        rank=known.rank,
        moment=moment,
        event_id=event_id,
        status=known.value,
        provider_status=provider_status or ("" if known == status else status),
        failure_class=failure_class or "",
        through=through or "",
    )


def word_of(status: str) -> DeliveryStatus:
    """Return our word; UNKNOWN for one of a newer version."""
    try:
        return DeliveryStatus(status)
    except ValueError:
        return DeliveryStatus.UNKNOWN


def merged(standings: Iterable[Standing]) -> Standing | None:
    """Return the state that standings make, None for none. Their order and their repeats do not matter."""
    return max(standings, default=None)
