"""Checks of the way to the providers, and of our clock against theirs."""

import asyncio
import email.utils
from collections.abc import Sequence
from datetime import UTC, datetime

import aiohttp

from hookline.configuration.config import Config
from hookline.doctor.report import Check, fail, ok, warn
from providers.registry import provider
from schemas.times import Clock

_DEADLINE = 5.0
_TOLERABLE = 5.0
_TOO_FAR = 240.0
"""Seconds. Providers sign a time and refuse, as we do, what is some minutes off."""


async def check_reach(config: Config, clock: Clock) -> list[Check]:
    """Return whether each provider answers, and how far our clock is from theirs."""
    urls = sorted({provider(account.provider).reach(account) for account in config.accounts.values()})
    timeout = aiohttp.ClientTimeout(total=_DEADLINE)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
        found = await asyncio.gather(*(_check(session, url, clock) for url in urls))
    return [check for checks in found for check in checks]


async def _check(session: aiohttp.ClientSession, url: str, clock: Clock) -> Sequence[Check]:
    try:
        # Any answer proves the way; a redirect is not followed, for it leads elsewhere.
        async with session.get(url, allow_redirects=False) as answer:
            date = answer.headers.get("Date")
            reached = ok("reach", f"{url} answers (status {answer.status})")
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        reason = "no answer within 5 s" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        advice = "this machine may be offline or behind a proxy; webhooks still come in, replies will not go out"
        return [warn("reach", f"{url} cannot be reached: {reason}", advice), _no_clock()]
    return [reached, check_clock(date, clock())]


def check_clock(date: str | None, now: float) -> Check:
    """Return how far the clock is from an HTTP `Date` (RFC 9110, 6.6.1), `now` in Unix seconds."""
    try:
        moment = email.utils.parsedate_to_datetime(date or "")
        theirs = (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()
    except (ValueError, TypeError, OverflowError):
        return _no_clock()
    # The header has whole seconds.
    off = now - theirs - 0.5
    if abs(off) <= _TOLERABLE:
        return ok("clock", "agrees with the provider's")
    words = f"is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} the provider's"
    advice = "set the clock (NTP): signatures carry a time and are refused when it is far off"
    return fail("clock", words, advice) if abs(off) > _TOO_FAR else warn("clock", words, advice)


def _no_clock() -> Check:
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return warn("clock", f"shows {now}; nobody to compare it with", "check it by hand: signatures carry a time")
