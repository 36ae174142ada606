"""What the demo's screen says of loss and replies comes from the log and the clouds' deliveries alone."""

import asyncio
from itertools import permutations
from typing import Any

import pytest

from hookline.demo import account_watch as watching
from hookline.demo.account_watch import AccountWatch
from hookline.demo.collect import events_of
from hookline.demo.watcher import Watcher
from hookline.simulator.deliveries import Deliveries
from providers.contract import Account
from providers.simulation import Outgoing
from schemas.envelope import event_to_record
from schemas.events import Event, MessageReceived, SendCompleted, SendRequested
from schemas.records import Record, StoredRecord
from schemas.times import from_millis
from schemas.topics import WEBHOOKS
from tests.support.telnyx import event_body

NO_LOG: Any = None
MAIN = Account(name="main", provider="telnyx")
ASKED = event_body("received_sms")
COMMON: dict[str, Any] = {"provider": "telnyx", "account": "main", "received_at": from_millis(1_767_225_600_000)}


def watch_of(deliveries: Deliveries | None = None) -> AccountWatch:
    """Return the watch of one account."""
    return AccountWatch(MAIN, deliveries or Deliveries())


def stored(record: Record) -> StoredRecord:
    """Return the record as a log gives it back."""
    return StoredRecord(record.topic, 0, 0, record.timestamp, record.key, record.value, record.headers)


def raw(body: bytes, *headers: tuple[str, bytes]) -> StoredRecord:
    """Return a raw record with that body."""
    return StoredRecord(WEBHOOKS.name, 0, 0, 0, b"key", body, (("ce_account", b"main"), *headers))


def typed(event: Event) -> StoredRecord:
    """Return the record of an event."""
    return stored(event_to_record(event))


def question() -> Outgoing:
    """Return a webhook that must be answered."""
    return Outgoing(label="asked", body=lambda _attempt: ASKED, expects_reply=True, message_id="m1")


def asked() -> Deliveries:
    """Return deliveries of which the question was acknowledged."""
    deliveries = Deliveries()
    deliveries.acknowledge(question(), ASKED)
    return deliveries


def cause() -> str:
    """Return the id of the event that the question gives."""
    return events_of(asked().acknowledged[0], MAIN, COMMON["received_at"])[0].id


def command(answered: str | None = None) -> StoredRecord:
    """Return the command that answers the question, or another event about the same message."""
    return typed(SendRequested(**COMMON, id="c1", to="+12015550100", text="Yes", cause=answered or cause()))


def result(event_id: str = "r1") -> StoredRecord:
    """Return the result of that command."""
    event = SendCompleted(**COMMON, id=event_id, command_id="c1", outcome="sent", message_id="out1")
    return typed(event)


async def test_an_acknowledged_webhook_that_stays_away_is_shown_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds of grace; until then it is only awaited. Found later, it is lost no more."""
    watch = watch_of(asked())
    watch.compare()
    assert (watch.lost, watch.settled) == (0, False)
    monkeypatch.setattr(watching, "GRACE", -1.0)
    assert watch.lost == 1
    watch.take(raw(ASKED))
    assert (watch.lost, watch.confirmed) == (0, 1)


async def test_what_waits_in_the_spool_is_not_shown_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its seconds of grace from when the spool is empty."""
    spooling = True
    watcher = Watcher(NO_LOG, {"main": watch_of(asked())}, lambda: spooling)
    watcher.compare()
    monkeypatch.setattr(watching, "GRACE", 0.3)
    await asyncio.sleep(0.31)
    watcher.compare()
    assert watcher.accounts["main"].lost == 0
    spooling = False
    await asyncio.sleep(0.31)
    watcher.compare()
    assert watcher.accounts["main"].lost == 1


async def test_a_record_may_be_seen_before_the_cloud_has_its_answer() -> None:
    """Storing comes before answering, so this is the usual order."""
    deliveries = Deliveries()
    watch = watch_of(deliveries)
    watch.take(raw(ASKED))
    deliveries.acknowledge(question(), ASKED)
    watch.compare()
    assert (watch.confirmed, watch.lost) == (1, 0)


@pytest.mark.parametrize("early", [True, False])
async def test_an_earlier_attempt_in_the_log_confirms_the_webhook(*, early: bool) -> None:
    """Whether it is seen before or after the acknowledgement; any further attempt is the same webhook."""
    deliveries = Deliveries()
    watch = watch_of(deliveries)
    for step in ("log", "cloud") if early else ("cloud", "log"):
        if step == "log":
            watch.take(raw(ASKED))
        else:
            deliveries.acknowledge(question(), ASKED + b" ", [ASKED])
            deliveries.acknowledge(question(), ASKED + b"  ", [ASKED, ASKED + b" "])
            watch.compare()
    assert (watch.confirmed, watch.lost, deliveries.size) == (1, 0, 1)


async def test_a_webhook_by_get_is_found_by_its_query() -> None:
    """It has no body; what tells it apart is in the target that the record keeps."""
    deliveries = Deliveries()
    deliveries.acknowledge(Outgoing(label="got", body=lambda _: b"", method="GET", query="a=1"), b"")
    watch = watch_of(deliveries)
    watch.compare()
    watch.take(raw(b"", ("http_target", b"/webhooks/main?a=2")))
    assert watch.confirmed == 0
    watch.take(raw(b"", ("http_target", b"/webhooks/main?a=1")))
    assert watch.confirmed == 1


@pytest.mark.parametrize("order", list(permutations(("command", "result", "acknowledgement"))))
async def test_a_reply_is_done_when_its_result_is_in_the_log(order: tuple[str, ...]) -> None:
    """Whichever is seen first: topics are read one after another, and the cloud has its answer when it has it."""
    deliveries = Deliveries()
    watch = watch_of(deliveries)
    watch.take(raw(ASKED))
    for step in order:
        assert watch.replies_done == 0
        if step == "acknowledgement":
            deliveries.acknowledge(question(), ASKED)
            watch.compare()
            assert watch.settled is (step == order[-1])
        else:
            watch.take(command() if step == "command" else result())
    assert (watch.replies_expected, watch.replies_done, watch.settled) == (1, 1, True)


async def test_a_repeat_of_an_answered_message_is_not_waited_for() -> None:
    """Another attempt has other bytes; it is the same event, which has its answer."""
    deliveries = asked()
    watch = watch_of(deliveries)
    for record in (raw(ASKED), command(), result()):
        watch.take(record)
    watch.compare()
    deliveries.acknowledge(question(), ASKED + b" ")
    watch.take(raw(ASKED + b" "))
    watch.compare()
    assert (watch.replies_expected, watch.replies_done, watch.settled) == (1, 1, True)


@pytest.mark.parametrize("late", [True, False])
async def test_two_events_about_one_message_have_one_answer(*, late: bool) -> None:
    """The command stands in the log for each of them, under one id; its one result answers both."""
    watch = watch_of(asked())
    second, first = command(), command("polled before")
    for record in (raw(ASKED), first, *((result(), second) if late else (second, result()))):
        watch.take(record)
    watch.compare()
    assert (watch.commands, watch.replies_done, watch.settled) == (1, 1, True)


async def test_a_result_that_is_in_the_log_twice_counts_once() -> None:
    """Its id lets a reader drop the repeat."""
    watch = watch_of()
    for event_id in ("r1", "r1", "r2"):
        watch.take(result(event_id))
    assert watch.outcomes == {"sent": 2}


async def test_what_was_polled_is_counted_beside_what_was_pushed() -> None:
    """Both are raw records; the way in is in a header."""
    watch = watch_of()
    watch.take(raw(b"pushed", ("ce_ingress", b"push")))
    watch.take(raw(b"polled", ("ce_ingress", b"poll")))
    assert (watch.webhooks, watch.polled) == (2, 1)


async def test_events_are_counted_by_type_and_shown() -> None:
    """And what is no event is passed over."""
    watcher = Watcher(NO_LOG, {"main": watch_of()})
    watcher.take(typed(MessageReceived(**COMMON, id="e1", from_="+12015550100", text="HOURS")))
    watcher.take(StoredRecord("messaging.inbound.v1", 0, 1, 0, None, b"no event", (("ce_account", b"main"),)))
    assert watcher.accounts["main"].by_type == {"messaging.message.received": 1}
    assert [(line.account, line.text) for line in watcher.latest(5)] == [("main", "+12015550100 wrote “HOURS”")]


async def test_each_account_has_its_own_counts() -> None:
    """The same bytes under another account do not count; a record of no account counts nowhere."""
    watcher = Watcher(NO_LOG, {"main": watch_of(asked()), "second": watch_of()})
    for watch in watcher.accounts.values():
        watch.compare()
    watcher.take(StoredRecord(WEBHOOKS.name, 0, 0, 0, b"key", ASKED, (("ce_account", b"second"),)))
    watcher.take(StoredRecord(WEBHOOKS.name, 0, 0, 0, b"key", ASKED, ()))
    assert [(watch.webhooks, watch.confirmed) for watch in watcher.accounts.values()] == [(0, 0), (1, 0)]
    assert not watcher.settled
