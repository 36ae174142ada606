"""What the demo's screen says of loss and replies comes from the log and the cloud's deliveries alone."""

from typing import Any

import pytest

from hookline.demo import watcher as watching
from hookline.demo.watcher import Watcher
from hookline.simulator.deliveries import Deliveries
from providers.simulation import Outgoing
from schemas.envelope import event_to_record
from schemas.events import Event, MessageReceived, SendCompleted
from schemas.records import Record, StoredRecord
from schemas.times import from_millis
from schemas.topics import WEBHOOKS

NO_LOG: Any = None
COMMON: dict[str, Any] = {"provider": "small", "account": "main", "received_at": from_millis(1_767_225_600_000)}


def stored(record: Record) -> StoredRecord:
    """Return the record as a log gives it back."""
    return StoredRecord(record.topic, 0, 0, record.timestamp, record.key, record.value, record.headers)


def raw(body: bytes) -> StoredRecord:
    """Return a raw record with that body."""
    return StoredRecord(WEBHOOKS.name, 0, 0, 0, b"key", body, ())


def typed(event: Event) -> StoredRecord:
    """Return the record of an event."""
    return stored(event_to_record(event))


def question() -> Outgoing:
    """Return a webhook that must be answered."""
    return Outgoing(label="asked", body=lambda _attempt: b"asked", expects_reply=True, message_id="m1")


def result(event_id: str = "r1") -> StoredRecord:
    """Return the result that answers the question."""
    event = SendCompleted(**COMMON, id=event_id, command_id="c1", outcome="sent", in_reply_to="m1", message_id="out1")
    return typed(event)


async def test_an_acknowledged_webhook_that_stays_away_is_shown_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds of grace; until then it is only awaited. Found later, it is lost no more."""
    deliveries = Deliveries()
    watcher = Watcher(NO_LOG, deliveries)
    deliveries.acknowledge(question(), b"asked")
    watcher._compare()
    assert (watcher.lost, watcher.settled) == (0, False)
    monkeypatch.setattr(watching, "GRACE", -1.0)
    assert watcher.lost == 1
    watcher._take(raw(b"asked"))
    assert (watcher.lost, watcher.confirmed) == (0, 1)


async def test_a_record_may_be_seen_before_the_cloud_has_its_answer() -> None:
    """Storing comes before answering, so this is the usual order."""
    deliveries = Deliveries()
    watcher = Watcher(NO_LOG, deliveries)
    watcher._take(raw(b"asked"))
    deliveries.acknowledge(question(), b"asked")
    watcher._compare()
    assert (watcher.confirmed, watcher.lost) == (1, 0)


@pytest.mark.parametrize("result_first", [True, False])
async def test_a_reply_is_done_when_its_result_is_in_the_log(*, result_first: bool) -> None:
    """Whichever is seen first, the result or the acknowledgement."""
    deliveries = Deliveries()
    watcher = Watcher(NO_LOG, deliveries)
    if result_first:
        watcher._take(result())
    deliveries.acknowledge(question(), b"asked")
    watcher._take(raw(b"asked"))
    watcher._compare()
    assert watcher.settled is result_first
    if not result_first:
        watcher._take(result())
    assert (watcher.replies_expected, watcher.replies_done, watcher.settled) == (1, 1, True)


async def test_a_result_that_is_in_the_log_twice_counts_once() -> None:
    """Its id lets a reader drop the repeat."""
    watcher = Watcher(NO_LOG, Deliveries())
    for event_id in ("r1", "r1", "r2"):
        watcher._take(result(event_id))
    assert watcher.outcomes == {"sent": 2}


async def test_events_are_counted_by_type_and_shown() -> None:
    """And what is no event is passed over."""
    watcher = Watcher(NO_LOG, Deliveries())
    watcher._take(typed(MessageReceived(**COMMON, id="e1", from_="+12015550100", text="HOURS")))
    watcher._take(StoredRecord("messaging.inbound.v1", 0, 1, 0, None, b"no event", ()))
    assert watcher.by_type == {"messaging.message.received": 1}
    assert [line.text for line in watcher.latest(5)] == ["+12015550100 wrote “HOURS”"]
