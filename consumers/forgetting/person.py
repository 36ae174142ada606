"""Who is to be forgotten, and what that takes. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from consumers.consent.numbers import canonical, spellings
from schemas.records import Record


@dataclass(frozen=True, slots=True)
class Person:
    """A number, of one account or of all. With `keeps_opt_out` the opt-outs that count stay, so as to be honoured."""

    number: str
    account: str | None = None
    keeps_opt_out: bool = False

    @property
    def spellings(self) -> tuple[str, ...]:
        """How tables and keys may spell the number."""
        return spellings(self.number)

    def owns(self, key: bytes, parts: int) -> bool:
        """Tell whether a key of so many parts, the number last and the account first, is about this person."""
        text = key.decode("utf-8", "replace")
        account, *rest = text.split("|")
        if len(rest) < parts - 1 or (self.account is not None and account != self.account):
            return False
        return any(text.endswith(f"|{each}") for each in self.spellings)

    def usual(self, key: bytes) -> bytes:
        """Return a key of this person with the number in its usual spelling, as the state has it."""
        text = key.decode("utf-8", "replace")
        ending = max((each for each in self.spellings if text.endswith(f"|{each}")), key=len, default="")
        return (text.removesuffix(ending) + canonical(self.number)).encode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class InState:
    """What the state has of a person.

    `rows` counts by table what goes. `under_way` counts commands that are not done yet: they stay, since a command
    that nobody remembers could be sent twice; of `unnamed` ones nothing tells whom they are for. `messages` are account
    and id of the messages to that person alone. `opt_outs` are the keys of the opt-outs that count, as the topic of
    consent has them.
    """

    rows: Mapping[str, int]
    under_way: int = 0
    unnamed: int = 0
    messages: frozenset[tuple[str, str]] = frozenset()
    opt_outs: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class OnTopic:
    """The keys of a compacted topic that a tombstone is to be written for."""

    topic: str
    keys: frozenset[bytes] = field(default=frozenset(), repr=False)


def tombstones(found: Iterable[OnTopic], now_ms: int) -> tuple[Record, ...]:
    """Return the records without a value that make a log drop what it keeps of these keys."""
    return tuple(Record(each.topic, key, None, (), now_ms) for each in found for key in sorted(each.keys))
