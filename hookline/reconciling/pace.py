"""How fast one account is asked, and how long to wait where its provider has had enough."""

import asyncio

from consumers.loop.tempo import Tempo
from providers.polling import stays_refused
from providers.rest.errors import ApiError, AuthenticationError, LimitError, RefusedError, UnreadableAnswerError

MOST_WAITS = 5
"""Waits in a row for one message, after which the account is left for another time."""

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


def pause_after(error: ApiError | TimeoutError, waits: int) -> float | None:
    """Return the seconds to wait before the same question, None where it is not worth asking again now.

    `waits` counts those in a row, this one included.
    """
    if waits > MOST_WAITS or stops_account(error) or is_about_the_question(error):
        return None
    wish = error.retry_after if isinstance(error, RefusedError) else None
    return _PAUSES.pause(waits) if wish is None else min(wish, LONGEST_WISH)


def stops_account(error: ApiError | TimeoutError) -> bool:
    """Tell whether every other question would fail in the same way."""
    return isinstance(error, AuthenticationError)


def is_about_the_question(error: ApiError | TimeoutError) -> bool:
    """Tell whether another question may well be answered: the fault is with this one."""
    if isinstance(error, RefusedError):
        return stays_refused(error) and not stops_account(error)
    return isinstance(error, LimitError | UnreadableAnswerError)
