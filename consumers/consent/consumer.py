"""Consent: every statement about who may be texted goes into the book, and the topic keeps saying what the book says.

Statements come from providers' events, from polls of their lists, and from the command line. What a person wrote is a
statement too where the normalizer of the provider does not know the word: then this consumer publishes it, and reads it
like any other. Inbound messages also tell in which scope of the provider each number of ours is.

Everything here may be done twice, so replays are read as well.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from broker.log import Log
from consumers.catalogue import CONSENT
from consumers.consent.book import ConsentBook
from consumers.consent.keywords import consent_said
from consumers.consent.publishing import corrections, written
from consumers.consent.settings import ConsentSettings
from consumers.consent.table import OneIdError
from consumers.consumer import Consumer, Reject, TryLater
from consumers.metrics import ConsentOutcome, ConsumerMetrics
from consumers.state.database import StateError, StateValueError
from providers.keywords import START_WORDS, words_of
from schemas.envelope import Delivered, event_to_record
from schemas.events import ConsentChanged, InboundMessage
from schemas.records import Record
from schemas.times import to_millis
from schemas.vocabulary import Autoresponse, Direction

APPEND_WAIT = 10.0
"""Seconds that a record may take to be stored."""

STATE_PAUSE = 5.0
"""Seconds to wait for a state that does not answer."""

REMEMBERED = 10_000
"""Numbers of ours whose scope is remembered, so that not each message writes it."""

_TELLING = frozenset({None, Autoresponse.STOP, Autoresponse.START})
TOLD_EVERY_MS = 60_000
"""Milliseconds after which the same scope of a number is noted once more, with the later time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConsent:
    """What the provider of an account knows.

    `scope_of` returns the scope of the number that a message came to, or None. `words`, in lower case, are those of
    which its normalizer makes a statement.
    """

    scope_of: Callable[[InboundMessage], str | None]
    words: frozenset[str]


def consent(
    settings: ConsentSettings,
    log: Log,
    book: ConsentBook,
    accounts: Mapping[str, AccountConsent],
    metrics: ConsumerMetrics,
) -> Consumer:
    """Return the consumer that keeps the book of consents."""
    handler = _Consent(settings, log, book, accounts, metrics)
    return Consumer(CONSENT.name, CONSENT.topics, handler.handle, has_effects=False)


class _Consent:
    def __init__(
        self,
        settings: ConsentSettings,
        log: Log,
        book: ConsentBook,
        accounts: Mapping[str, AccountConsent],
        metrics: ConsumerMetrics,
    ) -> None:
        self._more = words_of(settings.stop_words)
        self._log = log
        self._book = book
        self._accounts = accounts
        self._counters = metrics.consents()
        self._scopes: OrderedDict[tuple[str, str], tuple[str, int]] = OrderedDict()

    async def handle(self, delivered: Delivered) -> None:
        """Take one event in. Raises TryLater where the state is away, LogError where nothing can be stored."""
        try:
            match delivered.event:
                case ConsentChanged() as event:
                    await self._merge(delivered, event)
                case InboundMessage() as event:
                    await self._read(delivered, event)
                case _:
                    return
        except StateError as error:
            raise TryLater(STATE_PAUSE, "state_unavailable") from error

    async def _merge(self, delivered: Delivered, event: ConsentChanged) -> None:
        try:
            counting = await self._book.note(event, delivered.envelope.webhook_id)
        except OneIdError as error:
            raise Reject("one_id_for_two_statements") from error
        except StateValueError as error:
            raise Reject("state_cannot_hold_it") from error
        behind = corrections(delivered, event, counting)
        await self._append(*behind)
        self._counters[ConsentOutcome.TOLD_AGAIN if behind else ConsentOutcome.COUNTS].inc()

    async def _read(self, delivered: Delivered, event: InboundMessage) -> None:
        """Learn the scope of our number, and what the text says where nobody else reads it."""
        if event.direction not in {None, "", Direction.INBOUND}:
            return
        account = self._accounts.get(event.account)
        scope = None if account is None else account.scope_of(event)
        if scope is not None and event.to:
            await self._note_scope(event, event.to, scope)
        said = consent_said(event.text, _told_already(event, account), self._more)
        if said is None or not event.from_:
            return
        statement = written(event, event.from_, *said, scope)
        envelope = delivered.envelope
        await self._append(event_to_record(statement, webhook_id=envelope.webhook_id, traceparent=envelope.traceparent))
        self._counters[ConsentOutcome.WRITTEN].inc()

    async def _note_scope(self, event: InboundMessage, ours: str, scope: str) -> None:
        moment = to_millis(min(event.occurred_at or event.received_at, event.received_at))
        key = (event.account, ours)
        known = self._scopes.get(key)
        if known is not None and (moment < known[1] or (scope == known[0] and moment < known[1] + TOLD_EVERY_MS)):
            return
        await self._book.note_scope(event.account, ours, scope, moment)
        self._scopes[key] = scope, moment
        self._scopes.move_to_end(key)
        if len(self._scopes) > REMEMBERED:
            self._scopes.popitem(last=False)

    async def _append(self, *records: Record) -> None:
        if records:
            await self._log.append(records, APPEND_WAIT)


def _told_already(event: InboundMessage, account: AccountConsent | None) -> AbstractSet[str]:
    """Return the words of which the normalizer has made a statement.

    It has made none of a message that the provider took for something else. A STOP is one all the same; a START that
    the provider did not take for one undoes nothing.
    """
    if account is None:
        return frozenset()
    return account.words if event.autoresponse in _TELLING else account.words & START_WORDS
