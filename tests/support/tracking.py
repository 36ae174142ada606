"""News of messages for the tests of track, and what table and topic say afterwards."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import select

from broker.log import Log
from consumers.metrics import ConsumerMetrics
from consumers.state.database import Database
from consumers.state.schema import messages
from consumers.track import table
from consumers.track.consumer import Tracker
from consumers.track.places import Place, Sighting, sighting_of
from consumers.track.settings import TrackSettings
from consumers.track.states import StateRow, row_of
from schemas.envelope import Delivered, event_to_record, read_event
from schemas.events import DeliveryUpdated, Event, RequestUpdated, SendCompleted, StateChanged
from schemas.records import StoredRecord
from schemas.topics import STATES
from tests.support.consumed_log import MemoryLog

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PERSON, OTHER = "+15550000002", "+15550000003"


def news(status: str, number: int = 0, *, message: str | None = "m1", to: str | None = PERSON, **fields: Any) -> Event:
    """Return news that a message has a status, `number` seconds after the beginning."""
    moment = NOW + timedelta(seconds=number)
    given: dict[str, Any] = {
        "id": f"{status}-{number}",
        "provider": "telnyx",
        "account": "main",
        "tenant": "acme",
        "message_id": message,
        "status": status,
        "provider_status": status.upper(),
        "occurred_at": moment,
        "received_at": moment,
        "to": to,
    }
    return DeliveryUpdated(**given | fields)


def taken(message: str | None = "m1", to: str = PERSON, **fields: Any) -> Event:
    """Return the result of a command that the provider took."""
    given: dict[str, Any] = {
        "id": f"result-{message}",
        "provider": "telnyx",
        "account": "main",
        "tenant": "acme",
        "message_id": message,
        "received_at": NOW,
        "command_id": "c1",
        "outcome": "sent",
        "to": to,
        "in_reply_to": "inbound-1",
    }
    return SendCompleted(**given | fields)


def request_news(status: str, request: str = "r1", **fields: Any) -> Event:
    """Return news of a message request."""
    given: dict[str, Any] = {"id": f"request-{status}", "provider": "syniverse", "account": "main", "received_at": NOW}
    return RequestUpdated(request_id=request, status=status, **given | fields)


def told(event: Event, *, webhook_id: str | None = "w1", ingress: str | None = None) -> Delivered:
    """Return an event as a consumer gets it."""
    record = event_to_record(event, webhook_id=webhook_id, ingress=ingress)
    stored = StoredRecord(record.topic, 0, 0, record.timestamp, record.key, record.value, record.headers)
    return read_event(stored)


def sighted(event: Event) -> Sighting | None:
    """Return what an event tells."""
    delivered = told(event)
    return sighting_of(delivered.event, delivered.envelope)


def tracker_of(database: Database, log: Log, **settings: Any) -> Tracker:
    """Return a tracker."""
    metrics = ConsumerMetrics(CollectorRegistry())
    return Tracker(TrackSettings(**settings), database, log, metrics)


async def rows_in(database: Database) -> Mapping[Place, StateRow]:
    """Return all states of the table."""

    def read(connection: Any) -> Mapping[Place, StateRow]:
        places = [Place(*row) for row in connection.execute(select(*messages.primary_key))]
        return table.rows_of(connection, places)

    return await database.run(read)


def rows_on(log: MemoryLog) -> Mapping[Place, StateRow]:
    """Return what the compacted topic says."""
    return rows_said(
        record for partition, records in log.records.items() if partition.topic == STATES.name for record in records
    )


def rows_said(records: Iterable[StoredRecord]) -> Mapping[Place, StateRow]:
    """Return what records of the compacted topic say: the last one of each key."""
    latest = {record.key: record for record in records}
    found: dict[Place, StateRow] = {}
    for record in latest.values():
        event = read_event(record).event
        assert isinstance(event, StateChanged)
        row = row_of(event)
        assert row is not None
        found[row.place] = row
    return found


def statuses(rows: Mapping[Place, StateRow]) -> Mapping[tuple[str, str], str]:
    """Return the status of each message and recipient."""
    return {(place.message_id, place.recipient): row.standing.status for place, row in rows.items()}
