"""Events of one message: its status, a tap on its link, a conversion; or what a person wrote and says of consent."""

from dataclasses import replace

from providers.contract import Settings
from providers.fields import EMPTY, Json
from providers.syniverse.consent import Statement, autoresponse_of, scope_of, statement_of
from providers.syniverse.events.building import Events, common, notified
from providers.syniverse.events.facts import Facts
from providers.syniverse.events.identity import identify_click, identify_inbound, identify_state
from providers.syniverse.events.reading import Reading
from providers.syniverse.events.values import msisdn
from providers.syniverse.failures import errors_of, failure_class_of
from providers.syniverse.statuses import CLICKED, CONVERTED, ENDS, FAILURES, SENT, status_of
from schemas.events import ConsentChanged, DeliveryUpdated, LinkClicked, MessageReceived
from schemas.vocabulary import ConsentSource, Direction, EventType, Ingress

CONVERSION = "conversion"
"""The notice of a conversion, which no other provider here has."""

_LABEL_WORDS = ("label", "track")
_WEB = ("https://", "http://")


def status_events(reading: Reading, facts: Facts, fields: Json = EMPTY) -> Events:
    """Return the events of a message that came into a state; `fields` are those of the push, for the link's label.

    A poll sees the state and no taps: it gives no click.
    """
    # The recipient is a person, whose number is one of E.164. Our own side may be a short code or an id: it stays.
    facts = replace(facts, to=msisdn(facts.to))
    found: Events = (_delivery(reading, facts),)
    if facts.state == CLICKED and reading.webhook.ingress != Ingress.POLL:
        found += (_click(reading, facts, fields),)
    if facts.state == CONVERTED:
        found += _conversion(reading, facts)
    return found


def _delivery(reading: Reading, facts: Facts) -> DeliveryUpdated:
    status = status_of(facts.state)
    errors = errors_of(facts.code, facts.words)
    shared = common(reading, facts.changed_at)
    since = shared["occurred_at"]
    return DeliveryUpdated(
        id=identify_state(reading, EventType.DELIVERY_UPDATED, facts.message_id, facts.state, facts.to),
        **shared,
        message_id=facts.message_id,
        status=status,
        provider_status=facts.state,
        failure_class=failure_class_of(errors) if status in FAILURES else None,
        errors=errors,
        from_=facts.from_,
        to=facts.to,
        channel=facts.channel,
        direction=Direction.OUTBOUND,
        request_id=facts.request_id,
        external_id=facts.external_id,
        # A push has no dates besides its envelope's, which is when the message came into its state.
        sent_at=facts.sent_at or (since if facts.state == SENT else None),
        completed_at=facts.completed_at or (since if facts.state in ENDS else None),
        valid_until=facts.valid_until,
        cost=facts.cost,
        parts=facts.parts,
    )


def _click(reading: Reading, facts: Facts, fields: Json) -> LinkClicked:
    label, url = _link(fields)
    time = reading.occurred_at
    moment = time.isoformat() if time is not None else None
    return LinkClicked(
        id=identify_click(reading, facts.message_id, facts.to, label, url, moment),
        **common(reading),
        message_id=facts.message_id,
        url=url,
        to=facts.to,
        label=label,
        clicked_at=time,
    )


def _link(fields: Json) -> tuple[str | None, str | None]:
    """Return the label and the URL of a link: Syniverse does not publish the names of the fields that hold them."""
    named = [
        value.strip()
        for word in _LABEL_WORDS
        for name, value in fields.items()
        if word in name.lower() and isinstance(value, str) and value.strip()
    ]
    label = next((value for value in named if not value.lower().startswith(_WEB)), None)
    return label, next((value for value in named if value.lower().startswith(_WEB)), None)


def _conversion(reading: Reading, facts: Facts) -> Events:
    known = identify_state(reading, EventType.PROVIDER_NOTIFIED, facts.message_id, facts.state, facts.to)
    return notified(reading, CONVERSION, status=facts.state, message_id=facts.message_id, id_=known)


def inbound_events(reading: Reading, facts: Facts, settings: Settings) -> Events:
    """Return the message that a person wrote, and beside it what it says of the person's consent."""
    statement = statement_of(facts.text)
    # The writer is a person, so a long run of digits is a number of E.164: one person has one key, as in the history.
    facts = replace(facts, from_=msisdn(facts.from_))
    message = MessageReceived(
        id=identify_inbound(reading, EventType.MESSAGE_RECEIVED, facts.message_id),
        **common(reading, facts.changed_at),
        message_id=facts.message_id,
        from_=facts.from_,
        to=facts.to,
        text=facts.text,
        subject=facts.subject,
        media=facts.media,
        channel=facts.channel,
        direction=Direction.INBOUND,
        parts=facts.parts,
        cost=facts.cost,
        autoresponse=autoresponse_of(statement, settings.get("consent_managed_by")),
        content_type=facts.content_type,
        sender_id=facts.sender_id,
    )
    if statement is None or facts.from_ is None:
        return (message,)
    return (message, _consent(reading, facts, statement, facts.from_))


def _consent(reading: Reading, facts: Facts, statement: Statement, number: str) -> ConsentChanged:
    return ConsentChanged(
        id=identify_inbound(reading, EventType.CONSENT_CHANGED, facts.message_id, number),
        **common(reading, facts.changed_at),
        message_id=facts.message_id,
        scope=scope_of(facts.sender_id),
        number=number,
        consent=statement.consent,
        source=ConsentSource.MESSAGE,
        keyword=statement.keyword,
    )
