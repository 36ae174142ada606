"""How fast one account is asked, and how long to wait where its provider has had enough."""

import asyncio

from consumers.loop.tempo import Tempo
from providers.polling import stays_refused
from providers.rest.errors import (
    ApiError,
    AuthenticationError,
    LimitError,
    OutcomeUnknownError,
    RefusedError,
    UnreadableAnswerError,
)

MOST_WAITS = 5
"""Waits in a row for one message, after which it is given up, or the account is left for another time."""

MOST_FAULTS = 5
"""Messages in a row that end with a fault, after which the account is left, unless one of the youngest is answered."""

_REQUEST_TIMEOUT, _AWAY = 408, 503

LONGEST_WISH = 300.0
"""Seconds that a provider may ask us to wait, as far as somebody at a terminal waits for it."""

_PAUSES = Tempo(first_pause=1.0, longest_pause=60.0)


class Pace:
    """Lets a call begin every so often. Durations are of the loop's time."""

    def __init__(self, rate: float) -> None:
        """`rate` is in calls a second."""
        self._step = 1.0 / rate
        self._next = 0.0

    async def turn(self) -> None:
        """Return when the next call may begin."""
        now = asyncio.get_running_loop().time()
        begin = max(now, self._next)
        self._next = begin + self._step
        if begin > now:
            await asyncio.sleep(begin - now)


class Patience:
    """How often one account is asked again, and when it is left. Not shared between accounts.

    A fault (no answer, 5xx) may be of this one question for ever, so it costs that question and not the account; where
    question after question ends so, it is the provider's, by all appearance.
    """

    def __init__(self) -> None:
        self._faults = 0

    def pause_after(self, error: ApiError | TimeoutError, waits: int) -> float | None:
        """Return the seconds to wait before the same question, None where it is not worth asking again now.

        `waits` counts those in a row, this one included.
        """
        # After a question that failed so the next one has to show whose fault it was, without delay.
        most = 0 if self._faults and is_fault(error) else MOST_WAITS
        if waits > most or stops_account(error) or is_about_the_question(error):
            return None
        wish = error.retry_after if isinstance(error, RefusedError) else None
        return _PAUSES.pause(waits) if wish is None else min(wish, LONGEST_WISH)

    def answered(self) -> None:
        """Note that a question was answered."""
        self._faults = 0

    def is_over(self, error: ApiError | TimeoutError) -> bool:
        """Note that a question ended with an error; tell whether the account is to be left, by all appearance."""
        if is_about_the_question(error):
            return False
        self._faults += 1
        return not is_fault(error) or self._faults >= MOST_FAULTS


def stops_account(error: ApiError | TimeoutError) -> bool:
    """Tell whether every other question would fail in the same way."""
    return isinstance(error, AuthenticationError)


def is_about_the_question(error: ApiError | TimeoutError) -> bool:
    """Tell whether another question may well be answered: the fault is with this one."""
    if isinstance(error, RefusedError):
        return stays_refused(error) and not stops_account(error)
    return isinstance(error, LimitError | UnreadableAnswerError)


def is_fault(error: ApiError | TimeoutError) -> bool:
    """Tell whether the error may be of the question or of the provider: no whole answer came, or 5xx.

    With 503 the provider speaks of itself.
    """
    if isinstance(error, RefusedError):
        return error.status == _REQUEST_TIMEOUT or (error.status >= 500 and error.status != _AWAY)
    return isinstance(error, TimeoutError | OutcomeUnknownError)
