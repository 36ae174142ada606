"""Auto-reply on a log: commands with ids that a repeat shares."""

from datetime import timedelta
from typing import Any

import pytest
import structlog

from broker.log import LogUnavailableError
from consumers.auto_reply.consumer import Accounts
from consumers.auto_reply.settings import AutoReplySettings, Rule
from consumers.commands import reply_command_id
from consumers.consumer import Consumer
from schemas.envelope import event_to_record, read_event
from schemas.events import MessageReplied, SendRequested
from schemas.topics import COMMANDS, INBOUND
from tests.support.consumers import MAIN, NOW, PERSON, Bench, delivered, inbound, until, with_header
from tests.support.replying import answering

SETTINGS = AutoReplySettings(rules=(Rule(name="hours", keywords=("hours",), reply="Open 9 to 17."),))


@pytest.fixture
def bench() -> Bench:
    """Return a bench whose loop is not used."""
    return Bench()


async def test_a_command_leaves_the_number_to_a_provider_that_chooses_one(bench: Bench) -> None:
    """And names the provider's own id of ours where the message did."""
    consumer = answering(
        SETTINGS, bench.log, bench.metrics, lambda: bench.now, Accounts(choosing_number=frozenset({"main"}))
    )
    await consumer.handle(delivered(inbound(to=None, sender_id="sender-1")))
    (found,) = commands_on(bench)
    assert (found.from_, found.to, found.sender_id) == (None, PERSON, "sender-1")


async def test_a_push_without_an_id_and_the_poll_of_it_give_one_command(bench: Bench) -> None:
    """The polled one is answered: the pushed one shares no id with it."""
    accounts = Accounts(polled=frozenset({"main"}))
    consumer = answering(SETTINGS, bench.log, bench.metrics, lambda: bench.now, accounts)
    polled = inbound()
    await consumer.handle(delivered(inbound(message_id=None, id="of-the-content")))
    await consumer.handle(delivered(polled))
    assert [command.id for command in commands_on(bench)] == [reply_command_id(polled)]


def consumer_on(bench: Bench, settings: AutoReplySettings = SETTINGS) -> Consumer:
    """Return the consumer on the bench's log."""
    return answering(settings, bench.log, bench.metrics, lambda: bench.now)


def commands_on(bench: Bench) -> list[SendRequested]:
    """Return the commands that were given."""
    found = [read_event(record).event for record in bench.log.on(COMMANDS.name)]
    return [event for event in found if isinstance(event, SendRequested)]


async def test_a_message_that_fits_gives_a_command(bench: Bench) -> None:
    """It goes back from our number to the person, with its cause and its end of use."""
    bench.now += 3
    event = inbound(occurred_at=NOW - timedelta(seconds=60))
    await consumer_on(bench).handle(delivered(event))
    assert commands_on(bench) == [
        SendRequested(
            id=reply_command_id(event),
            provider="telnyx",
            account="main",
            tenant="acme",
            received_at=NOW + timedelta(seconds=3),
            from_=MAIN,
            to=PERSON,
            text="Open 9 to 17.",
            in_reply_to="message-0",
            cause="event-0",
            cause_at=NOW - timedelta(seconds=60),
            rule="hours",
            expires_at=NOW + timedelta(seconds=840),
        )
    ]


async def test_a_reply_of_a_person_is_answered_too(bench: Bench) -> None:
    """A message that answers one of ours counts like any other."""
    given: dict[str, Any] = {name: getattr(inbound(), name) for name in ("provider", "account", "received_at", "to")}
    event = MessageReplied(id="e", from_=PERSON, text="hours", related_message_id="m", **given)
    await consumer_on(bench).handle(delivered(event))
    assert [command.to for command in commands_on(bench)] == [PERSON]


async def test_two_events_about_one_message_give_one_command_id(bench: Bench) -> None:
    """The id is made of the provider's message id."""
    consumer = consumer_on(bench)
    await consumer.handle(delivered(inbound(0)))
    await consumer.handle(delivered(inbound(0, id="another-event")))
    assert len({command.id for command in commands_on(bench)}) == 1


def test_without_a_message_id_the_event_id_makes_the_command_id() -> None:
    """Two such events are two messages."""
    ids = {reply_command_id(inbound(n, message_id=None)) for n in range(2)}
    assert len(ids) == 2


def test_accounts_do_not_share_command_ids() -> None:
    """The same message id at two accounts is two messages."""
    assert reply_command_id(inbound()) != reply_command_id(inbound(account="other"))


async def test_silence_is_counted_by_its_reason(bench: Bench) -> None:
    """No command, one count, one line in the log by its id."""
    with structlog.testing.capture_logs() as lines:
        await consumer_on(bench).handle(delivered(inbound(autoresponse="stop")))
    assert commands_on(bench) == []
    assert bench.count("replies_total", outcome="provider_answers", rule="") == 1
    fields = {"event_id": "event-0", "account": "main", "outcome": "provider_answers", "rule": None}
    assert lines == [{"event": "not_answered", "log_level": "info", **fields}]


async def test_replies_are_counted_by_rule(bench: Bench) -> None:
    """The rule's name is the label."""
    await consumer_on(bench).handle(delivered(inbound()))
    assert bench.count("replies_total", outcome="reply", rule="hours") == 1


async def test_a_command_that_cannot_be_stored_is_an_error(bench: Bench) -> None:
    """So that the message is not committed."""
    bench.log.away = True
    with pytest.raises(LogUnavailableError):
        await consumer_on(bench).handle(delivered(inbound()))


async def test_the_command_keeps_the_trace(bench: Bench) -> None:
    """The webhook and the trace of the message go along."""
    record = event_to_record(inbound(), webhook_id="w", traceparent="00-1-2-01")
    bench.log.put(record)
    await consumer_on(bench).handle(read_event(bench.log.on(INBOUND.name)[0]))
    (stored,) = bench.log.on(COMMANDS.name)
    assert (stored.text_header("ce_webhookid"), stored.text_header("traceparent")) == ("w", "00-1-2-01")


async def test_a_replayed_message_is_not_answered(bench: Bench) -> None:
    """The loop does not show it to the consumer."""
    bench.log.put(with_header(event_to_record(inbound(0)), "ce_replayid", b"r"))
    bench.fill(inbound(1))
    bench.run(consumer_on(bench))
    await until(lambda: bench.log.done("auto-reply") == 2)
    await bench.stop()
    assert [command.in_reply_to for command in commands_on(bench)] == ["message-1"]
