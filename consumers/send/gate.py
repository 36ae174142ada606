"""What a command passes before its call: its account's places, the pause that the provider asked for, the rates.

Each account has places of its own, so that none can take those of another: whoever finds none waits a while for one,
in a room of its own as well, and comes again later where that is full. An account that stays full sends whoever finds
no room to the retry topic, so that the commands of others behind it can be read.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from random import SystemRandom

import structlog

from consumers.consumer import TryLater
from consumers.metrics import ConsumerMetrics
from consumers.send.rates import NEVER, Rates
from consumers.send.settings import AccountRules
from schemas.events import SendRequested
from schemas.times import Clock

PLACE_WAIT = 20.0
"""Seconds that a command waits for a place at a time."""

BUSY_FOR = 3.0
"""Seconds without a free place after which an account that is not the only one is no more waited for in place."""

BUSY_PAUSES = (15.0, 30.0)
"""Seconds for which such a command waits elsewhere, drawn between these: long enough for the retry topic."""

SHORT_PAUSES = (0.5, 1.5)
"""Seconds for which it waits where it stands in nobody's way."""

TURN_WAIT = 5.0
"""Seconds that a claimed command may wait for its call because of a rate, where the claim took its time."""

MOST_CALLS = 192
"""Calls of all accounts together; with more accounts than that each has one place."""

LONGEST_WISH = 3600.0
"""Seconds that a provider may ask us to wait, as far as we follow it without asking again."""

TOLD_AGAIN_AFTER = 1.0
"""Seconds by which a pause has to become longer to be told again."""

_OPEN = float("-inf")
_random = SystemRandom()
_log = structlog.get_logger()


def places_of(calls_at_once: int, accounts: int) -> int:
    """Return the places of each account."""
    return max(1, min(calls_at_once, MOST_CALLS // max(accounts, 1)))


def bounded(wish: float) -> float:
    """Return the provider's wish as far as we follow it, in seconds."""
    return min(max(wish, 0.0), LONGEST_WISH)


class Gate:
    """The gate of one account. `moment` gives seconds that only go forward, `clock` Unix seconds for the metric.

    With `others` there are commands of other accounts, which must not stand behind this one's.
    """

    def __init__(  # noqa: PLR0913 - the parts of one account, each by its name
        self,
        account: str,
        rules: AccountRules,
        places: int,
        metrics: ConsumerMetrics,
        clocks: tuple[Clock, Clock],
        *,
        others: bool = False,
    ) -> None:
        self._account = account
        self._moment, self._clock = clocks
        self._places = asyncio.Semaphore(places)
        self._room = places
        self._waiting = 0
        self._others = others
        self._full_since: float | None = None
        self._rates = Rates(rules.account_rate, rules.sender_rate)
        self._closed_until = _OPEN
        self._trying_since: float | None = None
        self._answered = False
        self._metrics = metrics

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[None]:
        """Hold a place of the account for the block. Raises TryLater, also while the provider wants us to wait."""
        self._check_pause()
        self._look()
        if self._waiting >= self._room:
            raise self._busy()
        await self._enter()
        try:
            self._check_pause()
            with self._first_after_pause():
                yield
        finally:
            self._places.release()

    @contextmanager
    def _first_after_pause(self) -> Generator[None]:
        """Let one command go first: whether the pause was long enough shows at its call, not at one of each place."""
        if self._closed_until == _OPEN:
            yield
            return
        if self._trying_since is not None:
            raise self._later(self._wait_since(self._trying_since), "account_paused")
        until, self._trying_since, self._answered = self._closed_until, self._moment(), False
        try:
            yield
        finally:
            self._trying_since = None
            if self._answered and self._closed_until == until:
                self._closed_until = _OPEN

    async def _enter(self) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(PLACE_WAIT):
                await self._places.acquire()
        except TimeoutError:
            raise self._busy() from None
        finally:
            self._waiting -= 1

    def _look(self) -> None:
        """Note since when nobody has found a place free."""
        if not self._places.locked():
            self._full_since = None
        elif self._full_since is None:
            self._full_since = self._moment()

    def _busy(self) -> TryLater:
        return self._later(self._wait_since(self._full_since), "account_busy")

    def _wait_since(self, since: float | None) -> float:
        """Return for how many seconds a command comes no more that had to wait since then, or since now."""
        long = self._others and since is not None and self._moment() - since >= BUSY_FOR
        return _random.uniform(*(BUSY_PAUSES if long else SHORT_PAUSES))

    def must_ask(self, command: SendRequested) -> bool:
        """Tell whether the command would be given a turn now: one that was carried out before needs none."""
        return self._rates.any and not self._rates.holds(command.id, command.from_ or "")

    def await_turn(self, command: SendRequested) -> None:
        """Return where it is the command's turn. Raises TryLater where it is not yet; the turn is kept for it."""
        seconds, reason = self._wait(command)
        if seconds > 0:
            raise self._later(seconds, reason)

    async def begin(self, command: SendRequested) -> None:
        """Return when the call may begin, and count it then: between turn and call others may have been late.

        Raises TryLater where it cannot begin soon.
        """
        seconds, reason = self._wait(command)
        try:
            async with asyncio.timeout(TURN_WAIT):
                while 0 < seconds <= TURN_WAIT:
                    await asyncio.sleep(seconds)
                    seconds, reason = self._wait(command)
        except TimeoutError:
            raise self._later(seconds, reason) from None
        if seconds > 0:
            raise self._later(seconds, reason)
        self.pass_by(command)

    def give_up(self, command: SendRequested) -> None:
        """Keep no turn for a command that makes no call, or has made it."""
        self._rates.give_up(command.id, command.from_ or "")

    def _wait(self, command: SendRequested) -> tuple[float, str]:
        now, until = self._moment(), NEVER
        if command.expires_at is not None:
            until = now + command.expires_at.timestamp() - self._clock()
        return self._rates.wait(command.id, command.from_ or "", now, until)

    def pass_by(self, command: SendRequested) -> None:
        """Count a call that does not wait for its turn, so that others wait for it."""
        if self._rates.any:
            self._rates.take(command.id, command.from_ or "", self._moment())

    def answered(self, wish: float | None) -> None:
        """Note that the provider has answered a call, and for how many seconds it wants no other, if at all."""
        if wish is None:
            self._answered = True
        else:
            self.pause(wish)

    def pause(self, wish: float) -> None:
        """Stop the whole account for as long as its provider asks."""
        seconds = bounded(wish)
        until = self._moment() + seconds
        if until > self._closed_until:
            # Each call that was under way hears the same.
            heard = until - self._closed_until < TOLD_AGAIN_AFTER
            self._closed_until = until
            self._metrics.send_paused(self._account).set(self._clock() + seconds)
            if not heard:
                _log.warning("account_paused", account=self._account, seconds=round(seconds, 1))

    def _check_pause(self) -> None:
        rest = self._closed_until - self._moment()
        if rest > 0:
            raise self._later(rest, "account_paused")

    def _later(self, seconds: float, reason: str) -> TryLater:
        self._metrics.send_waits(self._account, reason).inc()
        return TryLater(seconds, reason)
