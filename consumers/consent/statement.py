"""What was said about a person's consent, and which of two statements counts. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from consumers.consent.numbers import canonical
from consumers.consent.permission import Permission
from schemas.events import ConsentChanged
from schemas.times import from_millis, to_millis
from schemas.vocabulary import Consent, ConsentSource

EVERYWHERE = "account"
"""The scope that is the whole account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement. `moment_ms` is when it was made, `received_ms` when we first heard of it.

    `number` is in its canonical spelling.
    """

    account: str
    scope: str
    number: str
    consent: str
    event_id: str
    moment_ms: int
    received_ms: int
    source: str | None = None
    provider_status: str | None = None
    keyword: str | None = None
    webhook_id: str | None = None

    @property
    def key(self) -> bytes:
        """The key under which the topic of consent has it: that of `schemas.topics`."""
        return f"{self.account}|{self.scope}|{self.number}".encode("utf-8", "replace")

    @property
    def look(self) -> bool:
        """Whether it is what a list without times showed: true at the last look, its moment moves on with each."""
        return self.source == ConsentSource.LIST and self.moment_ms >= self.received_ms

    @property
    def order(self) -> tuple[bool, int, bool, int, str]:
        """The place among the statements of one person and scope; the highest counts.

        Whoever says nothing undoes nothing; at one moment an opt-out wins.
        """
        told = self.consent in TOLD
        return told, self.moment_ms, self.consent == Consent.OPTED_OUT, self.received_ms, self.event_id


TOLD = frozenset({Consent.OPTED_IN, Consent.OPTED_OUT})
"""The words that say something."""


def statement_of(event: ConsentChanged, webhook_id: str | None = None) -> Statement:
    """Return the statement that an event makes. Nobody says anything after we have heard it."""
    received = to_millis(event.received_at)
    occurred = received if event.occurred_at is None else min(to_millis(event.occurred_at), received)
    return Statement(
        account=event.account,
        scope=event.scope,
        number=canonical(event.number),
        consent=event.consent,
        event_id=event.id,
        moment_ms=occurred,
        received_ms=received,
        source=event.source,
        provider_status=event.provider_status,
        keyword=event.keyword,
        webhook_id=webhook_id,
    )


def same_again(one: Statement, other: Statement) -> Statement:
    """Return what two tellings of one statement come to: a repeat is no later statement, a new look is."""
    moments = one.moment_ms, other.moment_ms
    return replace(
        one,
        moment_ms=max(moments) if one.look and other.look else min(moments),
        received_ms=min(one.received_ms, other.received_ms),
        webhook_id=min((each.webhook_id for each in (one, other) if each.webhook_id), default=None),
    )


def counting(statements: Iterable[Statement]) -> Statement | None:
    """Return the one that counts of all that was said of a person in a scope, None where nothing was."""
    told: dict[str, Statement] = {}
    for each in statements:
        known = told.get(each.event_id)
        told[each.event_id] = each if known is None else same_again(known, each)
    return max(told.values(), key=lambda each: each.order, default=None)


def with_one_more(current: Iterable[Statement], said: Statement) -> Sequence[Statement]:
    """Return what counts for a person once `said` is noted, of what counts now, one statement for each scope."""
    by_scope = {each.scope: each for each in current}
    by_scope[said.scope] = max(by_scope.get(said.scope, said), said, key=lambda each: each.order)
    return tuple(by_scope.values())


def permission(statements: Iterable[Statement], scope: str | None) -> Permission:
    """Return whether the person may be texted from a number in `scope`, None where that is not known.

    `statements` are those that count, one for each scope of the account. An opt-out for the number's own scope or for
    the whole account blocks. Where the scope is not known, or is the account, every opt-out blocks: a mistake errs
    towards silence. An opt-in says nothing of other scopes.
    """
    given = list(statements)
    anywhere = scope is None or scope == EVERYWHERE
    here = [each for each in given if anywhere or each.scope in {scope, EVERYWHERE}]
    for consent in (Consent.OPTED_OUT, Consent.OPTED_IN):
        found = max((each for each in here if each.consent == consent), key=lambda each: each.order, default=None)
        if found is not None:
            return Permission(
                allowed=consent is not Consent.OPTED_OUT,
                consent=consent,
                scope=found.scope,
                source=found.source,
                since=from_millis(found.moment_ms),
            )
    return Permission(allowed=True, consent=Consent.UNKNOWN)
