"""What a provider has answered and the ledger was not told yet: kept in memory until it is.

A state that is away for a moment must not turn an answer into a doubt. What a crash takes along is in doubt, as ever.
"""

from collections import OrderedDict
from dataclasses import dataclass

from consumers.send.ending import Ending
from consumers.state.ledger import Claim
from schemas.events import SendRequested

MOST_KEPT = 10_000
"""Answers that are kept; of more the oldest are given up, as a crash would."""


@dataclass(frozen=True, slots=True)
class Over:
    """A call that is over and leaves its command open: see `Ledger.release`."""

    claim: Claim
    effectless: bool
    called: bool = True

    @classmethod
    def not_made(cls, claim: Claim) -> "Over":
        """Return that the call of that claim was not made."""
        return cls(claim, effectless=True, called=False)


class Answers:
    """Endings and calls that are over, by account and command."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[SendRequested, Ending | Over]] = OrderedDict()

    def __bool__(self) -> bool:
        """Tell whether there is anything that the ledger does not know yet."""
        return bool(self._kept)

    def keep(self, command: SendRequested, answer: Ending | Over) -> None:
        """Keep what was learnt last of a command."""
        self._kept[command.account, command.id] = command, answer
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def of(self, command: SendRequested) -> Ending | Over | None:
        """Return what the ledger does not know yet."""
        found = self._kept.get((command.account, command.id))
        return None if found is None else found[1]

    def all(self) -> tuple[tuple[SendRequested, Ending | Over], ...]:
        """Return all that the ledger does not know yet, with its commands."""
        return tuple(self._kept.values())

    def noted(self, command: SendRequested, answer: Ending | Over) -> bool:
        """Forget it: the ledger knows. False where it is not kept, or no more: something else was learnt meanwhile."""
        if self.of(command) is not answer:
            return False
        del self._kept[command.account, command.id]
        return True
