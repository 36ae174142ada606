"""Opt-outs that no webhook told of: `GET /messaging_optouts`, the reconciliation source. Source: README, section 6."""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from providers.contract import Account
from providers.polling import poll_every, poll_lookback, stays_refused, wanted_polls
from providers.rest.answers import Answer
from providers.rest.errors import RefusedError, UnreadableAnswerError
from providers.rest.transport import Call, Transport
from providers.rest.verbatim import items_of
from providers.roles import Poll, PollBatch, Polled
from providers.telnyx import limits
from providers.telnyx.access import api_key_of, base_url_of, transport
from providers.telnyx.calls import items_and_pages, next_page, query_of
from providers.telnyx.numbers import OPT_OUTS
from schemas.times import Clock

POLLS = ("opt_outs",)
"""What can be polled."""

OVERLAP = 600.0
"""Seconds that a poll looks back before the end of the last one: Telnyx's clock and its index are not ours."""

MOST_PAGES = 1000
"""Pages that are asked for at once: of a longer list the rest is asked for at the next interval."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One page of the opt-outs of a span of time."""

    begin: datetime
    end: datetime
    page: int = 1


@dataclass(frozen=True, slots=True)
class _Token:
    """What a batch was: its page, the number of the next one, and the digests of all that was on it."""

    place: _Place
    following: int | None
    digests: frozenset[bytes]


class OptOutPoll:
    """Asks for the opt-outs since the last poll, page by page. Where it stands is kept in memory alone.

    After a start it looks back `lookback` seconds; what is stored already comes again with the same bytes. Afterwards
    an item of the overlap that was stored from the last span, byte for byte, is passed over. A page that brings nothing
    new within its span ends it: without a number of pages nothing else does so surely.
    """

    name = "opt_outs"

    def __init__(self, calls: Transport, every: float, lookback: float, clock: Clock = time.time) -> None:
        self.every = every
        self._transport = calls
        self._lookback = lookback
        self._clock = clock
        self._since: datetime | None = None
        self._place: _Place | None = None
        self._last_span = frozenset[bytes]()
        self._this_span: set[bytes] = set()

    async def check(self) -> PollBatch:
        """Ask for one page. Raises ApiError; after a refusal the span begins anew with its first page."""
        place = self._place or self._next_span()
        self._place = place
        answer = await self._answer(place)
        items, meta = items_and_pages(answer, self.name)
        found = {_digest(item): item for item in _verbatim(answer)}
        new = {digest: item for digest, item in found.items() if digest not in self._this_span}
        following = next_page(items, meta, place.page) if new else None
        return PollBatch(
            items=tuple(Polled(OPT_OUTS, item) for digest, item in new.items() if digest not in self._last_span),
            again_after=None if following is None or place.page % MOST_PAGES == 0 else 0.0,
            token=_Token(place, following, frozenset(found)),
        )

    async def stored(self, batch: PollBatch) -> None:
        """Move on to the next page, and to the next span of time after the last one."""
        token: _Token = batch.token
        self._this_span |= token.digests
        if token.following is not None:
            if token.place.page % MOST_PAGES == 0:
                # What is remembered has a bound: of one round of pages.
                self._this_span = set(token.digests)
            self._place = replace(token.place, page=token.following)
            return
        self._place = None
        self._since = token.place.end - timedelta(seconds=OVERLAP)
        self._last_span, self._this_span = frozenset(self._this_span), set()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    def _next_span(self) -> _Place:
        now = datetime.fromtimestamp(self._clock(), UTC)
        if self._since is None:
            self._since = now - timedelta(seconds=self._lookback)
            return _Place(self._since, now)
        # A clock that was put back must not leave a gap.
        return _Place(min(self._since, now - timedelta(seconds=OVERLAP)), now)

    async def _answer(self, place: _Place) -> Answer:
        try:
            return await self._transport.call(_call(place))
        except RefusedError as error:
            if stays_refused(error):
                # A page that is refused today may be so for ever; what came since then must not wait for it.
                self._place = None
                self._this_span = set()
            raise


def _digest(item: bytes) -> bytes:
    return blake2b(item, digest_size=16).digest()


def _call(place: _Place) -> Call:
    query = query_of(
        {
            "created_at[gte]": place.begin,
            "created_at[lte]": place.end,
            # A number with half its digits hidden is nobody's.
            "redaction_enabled": False,
            "page[number]": place.page,
            "page[size]": limits.LARGEST_PAGE,
        }
    )
    return Call(name="opt_outs", method="GET", path=OPT_OUTS, query=query, repeatable=True)


def _verbatim(answer: Answer) -> tuple[bytes, ...]:
    try:
        return tuple(items_of(answer.body, "data"))
    except ValueError as error:
        raise UnreadableAnswerError("opt_outs: the answer is no JSON object") from error


def polls(account: Account) -> tuple[Poll, ...]:
    """Return the polls that an account wants.

    Raises AccountError for an unknown one, and where the API key is missing or the base URL is no URL.
    """
    if not wanted_polls(account, POLLS):
        return ()
    calls = transport(base_url_of(account), api_key_of(account))
    return (OptOutPoll(calls, poll_every(account), poll_lookback(account)),)
