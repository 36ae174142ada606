"""So many messages a second, and not one more: a turn for each, in the order in which they ask. Pure.

A bucket that holds one token: what is idle saves nothing up, and between two calls at least one gap of the rate goes
by. Times are seconds of a clock that only goes forward.
"""

from collections import OrderedDict

MOST_TURNS = 10_000
"""Turns that are kept for those who wait; who comes when so many wait is given none and asks again."""

MISSED = 300.0
"""Seconds after which a turn that nobody took is given up: who had it has gone elsewhere."""

MOST_SENDERS = 10_000
"""Numbers of ours whose last message is remembered."""

NEVER = float("inf")
"""The end of use of what is of use for ever."""

_SOON = 0.1
"""Seconds after which one asks again that was told to go, and is of no use any more, at the same moment."""


class Rate:
    """Turns at a rate of so many `per_second`, more than 0."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1.0 / per_second
        self._next = float("-inf")
        self._gone = float("-inf")
        self._turns: OrderedDict[str, float] = OrderedDict()

    def wait(self, who: str, now: float, until: float = NEVER) -> float:
        """Return the seconds until it is that one's turn, 0 for now. The turn is kept for when it asks again.

        Who is of no use any more at `until`, and would have its turn then or later, gets none, so that nobody waits
        behind it: it is to come again at that moment, to be told that it is over.
        """
        turn = self._turns.get(who)
        if turn is None:
            self._forget_missed(now)
            turn = max(now, self._next)
            if now < turn >= until:
                return min(turn, max(until, now + _SOON)) - now
            if len(self._turns) < MOST_TURNS:
                self._turns[who] = turn
                self._next = turn + self._gap
        # Turns that were not taken in time do not come all at once.
        return max(0.0, max(turn, self._gone + self._gap) - now)

    def holds(self, who: str) -> bool:
        """Tell whether a turn is kept for that one."""
        return who in self._turns

    def take(self, who: str, now: float) -> None:
        """Note that this one goes now, with a turn or without."""
        self._turns.pop(who, None)
        self._gone = now
        self._next = max(self._next, now + self._gap)

    def give_up(self, who: str) -> None:
        """Keep no turn for that one any more; where it was the last one, whoever comes next goes in its place."""
        turn = self._turns.pop(who, None)
        if turn is not None and turn + self._gap >= self._next:
            last = next(reversed(self._turns.values()), self._gone)
            self._next = max(last, self._gone) + self._gap

    def idle(self, now: float) -> bool:
        """Tell whether nobody has to wait, so that it need not be remembered."""
        return not self._turns and now >= self._next

    def _forget_missed(self, now: float) -> None:
        # Turns are kept in their order.
        while self._turns and next(iter(self._turns.values())) < now - MISSED:
            self._turns.popitem(last=False)


class Rates:
    """The rates of one account: of all its messages, and of each number that they come from. 0 is none."""

    def __init__(self, account_rate: float, sender_rate: float) -> None:
        self._account = Rate(account_rate) if account_rate else None
        self._sender_rate = sender_rate
        self._senders: OrderedDict[str, Rate] = OrderedDict()

    @property
    def any(self) -> bool:
        """Whether there is any limit."""
        return self._account is not None or self._sender_rate > 0

    def holds(self, who: str, sender: str) -> bool:
        """Tell whether a turn is kept for that one."""
        found = self._senders.get(sender)
        kept = found is not None and found.holds(who)
        return kept or (self._account is not None and self._account.holds(who))

    def wait(self, who: str, sender: str, now: float, until: float = NEVER) -> tuple[float, str]:
        """Return how long that one has to wait, and for which limit; 0 seconds where it may go. `until`: see `Rate`.

        A number's turn comes first: one that waits for its number takes nothing from the account's other numbers.
        """
        of_sender = self._of(sender, now)
        seconds = of_sender.wait(who, now, until) if of_sender else 0.0
        if seconds > 0 or self._account is None:
            return seconds, "sender_rate"
        return self._account.wait(who, now, until), "account_rate"

    def take(self, who: str, sender: str, now: float) -> None:
        """Note that this one goes now."""
        for rate in (self._of(sender, now), self._account):
            if rate is not None:
                rate.take(who, now)

    def give_up(self, who: str, sender: str) -> None:
        """Keep no turn for that one any more: it makes no call."""
        for rate in (self._senders.get(sender), self._account):
            if rate is not None:
                rate.give_up(who)

    def _of(self, sender: str, now: float) -> Rate | None:
        if not self._sender_rate:
            return None
        found = self._senders.get(sender)
        if found is None:
            self._forget(now)
            found = self._senders[sender] = Rate(self._sender_rate)
        self._senders.move_to_end(sender)
        return found

    def _forget(self, now: float) -> None:
        """Make room for one more: of those that were not used for longest the first that nobody waits for goes."""
        if len(self._senders) < MOST_SENDERS:
            return
        oldest = next(iter(self._senders))
        del self._senders[next((name for name, rate in self._senders.items() if rate.idle(now)), oldest)]
