"""What a command passes before its call: its account's places, the pause that the provider asked for, the rates.

Each account has places of its own, so that none can take those of another: whoever finds none waits a while for one,
in a room of its own as well, and comes again later where that is full.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import SystemRandom

import structlog

from consumers.consumer import TryLater
from consumers.metrics import ConsumerMetrics
from consumers.send.rates import Rates
from consumers.send.settings import AccountRules
from schemas.events import SendRequested
from schemas.times import Clock

PLACE_WAIT = 20.0
"""Seconds that a command waits for a place at a time."""

MOST_CALLS = 192
"""Calls of all accounts together; with more accounts than that each has one place."""

LONGEST_WISH = 3600.0
"""Seconds that a provider may ask us to wait, as far as we follow it without asking again."""

_random = SystemRandom()
_log = structlog.get_logger()


def places_of(calls_at_once: int, accounts: int) -> int:
    """Return the places of each account."""
    return max(1, min(calls_at_once, MOST_CALLS // max(accounts, 1)))


def bounded(wish: float) -> float:
    """Return the provider's wish as far as we follow it, in seconds."""
    return min(max(wish, 0.0), LONGEST_WISH)


class Gate:
    """The gate of one account. `moment` gives seconds that only go forward, `clock` Unix seconds for the metric."""

    def __init__(
        self, account: str, rules: AccountRules, places: int, metrics: ConsumerMetrics, clocks: tuple[Clock, Clock]
    ) -> None:
        self._account = account
        self._moment, self._clock = clocks
        self._places = asyncio.Semaphore(places)
        self._room = places
        self._waiting = 0
        self._rates = Rates(rules.account_rate, rules.sender_rate)
        self._closed_until = float("-inf")
        self._metrics = metrics

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[None]:
        """Hold a place of the account for the block. Raises TryLater, also while the provider wants us to wait."""
        self._check_pause()
        if self._waiting >= self._room:
            raise self._later(_random.uniform(0.5, 1.5), "account_busy")
        await self._enter()
        try:
            self._check_pause()
            yield
        finally:
            self._places.release()

    async def _enter(self) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(PLACE_WAIT):
                await self._places.acquire()
        except TimeoutError:
            raise self._later(_random.uniform(0.5, 1.5), "account_busy") from None
        finally:
            self._waiting -= 1

    def must_ask(self, command: SendRequested) -> bool:
        """Tell whether the command would be given a turn now: one that was carried out before needs none."""
        return self._rates.any and not self._rates.holds(command.id, command.from_ or "")

    def await_turn(self, command: SendRequested) -> None:
        """Return where it is the command's turn, which is then taken. Raises TryLater where it is not yet."""
        now = self._moment()
        seconds, reason = self._rates.wait(command.id, command.from_ or "", now)
        if seconds > 0:
            raise self._later(seconds, reason)
        self.pass_by(command)

    def pass_by(self, command: SendRequested) -> None:
        """Count a call that does not wait for its turn, so that others wait for it."""
        if self._rates.any:
            self._rates.take(command.id, command.from_ or "", self._moment())

    def pause(self, wish: float) -> None:
        """Stop the whole account for as long as its provider asks."""
        seconds = bounded(wish)
        until = self._moment() + seconds
        if until > self._closed_until:
            self._closed_until = until
            self._metrics.send_paused(self._account).set(self._clock() + seconds)
            _log.warning("account_paused", account=self._account, seconds=round(seconds, 1))

    def _check_pause(self) -> None:
        rest = self._closed_until - self._moment()
        if rest > 0:
            raise self._later(rest, "account_paused")

    def _later(self, seconds: float, reason: str) -> TryLater:
        self._metrics.send_waits(self._account, reason).inc()
        return TryLater(seconds, reason)
