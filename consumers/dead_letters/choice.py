"""Which letters are meant. Pure."""

from dataclasses import dataclass

from consumers.dead_letters.letters import Letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Takes a letter that fits every filter; an empty one, or None, lets all pass.

    `topics` are of the contract, where the event stood first. `since` and `until` are Unix milliseconds of the time
    when the letter came here, the first included and the second not.
    """

    reasons: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    since: int | None = None
    until: int | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether there is any filter."""
        return self != EVERYTHING

    def takes(self, letter: Letter) -> bool:
        """Tell whether the letter is meant."""
        words = (
            (self.reasons, letter.reasons),
            (self.types, {letter.event_type}),
            (self.topics, {letter.box.origin.name}),
            (self.accounts, {letter.account}),
        )
        if any(wanted and wanted.isdisjoint(found) for wanted, found in words):
            return False
        died_at = letter.died_at
        return (self.since is None or died_at >= self.since) and (self.until is None or died_at < self.until)


EVERYTHING = Choice()
