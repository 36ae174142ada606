"""The records by which the topic of consent says what the table says. Pure."""

from dataclasses import dataclass
from datetime import datetime

from consumers.consent.numbers import canonical
from consumers.consent.statement import EVERYWHERE, Statement, statement_of
from schemas.envelope import Delivered, event_to_record
from schemas.events import ConsentChanged, InboundMessage
from schemas.ids import digest_id, event_id
from schemas.records import Record
from schemas.times import format_time, from_millis
from schemas.topics import CONSENT
from schemas.vocabulary import Consent, ConsentSource, EventType


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose the account is: what events have and the tables do not keep."""

    provider: str
    tenant: str | None


def corrections(delivered: Delivered, event: ConsentChanged, counting: Statement) -> tuple[Record, ...]:
    """Return what has to be appended behind a statement so that the topic says what counts; mostly nothing.

    A log keeps the last record of a key, not the latest statement: behind one that came late, or once more under
    another time, the one that counts is told again. Under a key with another spelling of the number nothing may stay.
    What is returned needs no correction itself, so that there is no echo.
    """
    odd = event.number != canonical(event.number)
    told = statement_of(event)
    if not odd and (told.event_id, told.moment_ms) == (counting.event_id, counting.moment_ms):
        return ()
    again = statement_record(counting, Owner(event.provider, event.tenant))
    # By way of a retry the record stands on another topic: what the key has to leave is this one.
    stray = Record(CONSENT.name, delivered.record.key, None, (), again.timestamp)
    return (again, stray) if odd else (again,)


def statement_record(statement: Statement, owner: Owner) -> Record:
    """Return the record that tells a statement as the table has it: under its own id, with its own times."""
    look = statement.look
    event = ConsentChanged(
        id=statement.event_id,
        provider=owner.provider,
        account=statement.account,
        tenant=owner.tenant,
        occurred_at=None if look else from_millis(statement.moment_ms),
        received_at=from_millis(statement.moment_ms if look else statement.received_ms),
        scope=statement.scope,
        number=statement.number,
        consent=statement.consent,
        provider_status=statement.provider_status,
        source=statement.source,
        keyword=statement.keyword,
    )
    return event_to_record(event, webhook_id=statement.webhook_id)


def written(message: InboundMessage, person: str, consent: str, keyword: str, scope: str | None) -> ConsentChanged:
    """Return the statement that a message makes. Its id is the one that a normalizer of ours would have given it."""
    known = message.message_id or message.provider_event_id or message.id
    return ConsentChanged(
        id=event_id(message.account, EventType.CONSENT_CHANGED, known, person),
        provider=message.provider,
        account=message.account,
        tenant=message.tenant,
        message_id=message.message_id,
        occurred_at=message.occurred_at,
        received_at=message.received_at,
        provider_event_id=message.provider_event_id,
        scope=scope or EVERYWHERE,
        number=canonical(person),
        consent=consent,
        source=ConsentSource.MESSAGE,
        keyword=keyword,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What ourselves say of persons: `note` tells where it comes from, as `paper form of 12 March`."""

    account: str
    owner: Owner
    scope: str
    consent: Consent
    note: str | None = None


def by_company(decision: Decision, number: str, now: datetime) -> ConsentChanged:
    """Return the statement that ourselves make about a person; the note stands where a provider's word would."""
    person = canonical(number)
    identity = digest_id("company", decision.scope, decision.consent, format_time(now))
    return ConsentChanged(
        id=event_id(decision.account, EventType.CONSENT_CHANGED, identity, person),
        provider=decision.owner.provider,
        account=decision.account,
        tenant=decision.owner.tenant,
        occurred_at=now,
        received_at=now,
        scope=decision.scope,
        number=person,
        consent=decision.consent,
        provider_status=decision.note,
        source=ConsentSource.COMPANY,
    )
