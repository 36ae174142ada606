"""Entries of Syniverse's consent history, which is polled: no event tells of a consent (specification, 12.15)."""

from providers.fields import Json
from providers.syniverse.consent import SOURCES, STATES, scope_of
from providers.syniverse.events.building import Events, common, malformed
from providers.syniverse.events.identity import identify_consent
from providers.syniverse.events.reading import Reading
from providers.syniverse.events.values import moment, msisdn, trimmed
from providers.syniverse.statuses import state_of
from schemas.events import ConsentChanged
from schemas.times import format_time
from schemas.vocabulary import Consent, ConsentSource


def consent_of_history(reading: Reading, item: Json) -> Events:
    """Return the statement of an entry: of its scope, number, state and own time."""
    number = msisdn(item.get("msisdn"))
    state = state_of(trimmed(item, "status", "consent_status"))
    if number is None or state is None:
        return malformed(reading)
    at = moment(item.get("timestamp"))
    scope = scope_of(trimmed(item, "sender_id"))
    event = ConsentChanged(
        id=identify_consent(reading, number, scope, state, format_time(at) if at is not None else None),
        **common(reading, at),
        scope=scope,
        number=number,
        consent=STATES.get(state, Consent.UNKNOWN),
        provider_status=state,
        source=SOURCES.get(state_of(trimmed(item, "source")) or "", ConsentSource.LIST),
        keyword=trimmed(item, "keyword"),
    )
    return (event,)
