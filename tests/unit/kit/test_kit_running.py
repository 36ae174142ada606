"""What a handler is called with, and what it may have sent."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.commands import reply_command_id
from consumers.consumer import Consumer as LoopConsumer
from consumers.loop.origin import ATTEMPT
from hookline import Consumer, Context, DeliveryUpdated, InboundMessage, MessageReceived, MessageReplied
from hookline.kit.consumer import Order
from hookline.kit.running import for_loop
from schemas.envelope import Delivered, event_to_record, read_event
from schemas.events import Event, SendRequested
from schemas.records import Record
from schemas.topics import COMMANDS
from tests.support.consumed_log import MemoryLog
from tests.support.consumers import MAIN, NOW, PERSON, inbound, with_header

LATER = NOW.timestamp() + 5


def stored(record: Record) -> Delivered:
    """Return a record as the loop gives it to a handler."""
    log = MemoryLog()
    place = log.put(record)
    return read_event(log.records[place.partition][place.offset])


def replayed(event: Event) -> Delivered:
    """Return an event as a replay brings it."""
    return stored(with_header(event_to_record(event), "ce_replayid", b"r1"))


def commands(log: MemoryLog) -> list[SendRequested]:
    """Return the commands that were given."""
    events = [read_event(record).event for record in log.on(COMMANDS.name)]
    return [event for event in events if isinstance(event, SendRequested)]


class Desk:
    """A consumer whose one handler does what the test says, and the log that it answers on."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.consumer = Consumer("desk")
        self.seen: list[Context] = []
        self.texts: list[tuple[str, str]] = []

        @self.consumer.on(InboundMessage)
        async def answer(event: InboundMessage, context: Context) -> None:
            del event
            self.seen.append(context)
            for text, key in self.texts:
                await context.send(to=PERSON, text=text, key=key)

    async def give(self, delivered: Delivered) -> Context:
        """Let the handler have an event; return the context it got."""
        await for_loop(self.consumer, self.log, lambda: LATER).handle(delivered)
        return self.seen[-1]


@pytest.fixture
def desk() -> Desk:
    """Return a desk."""
    return Desk()


def loops(**options: object) -> LoopConsumer:
    """Return what the loop gets for a consumer with these options."""
    crm = Consumer("crm", **options)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - each test gives one that fits

    @crm.on(MessageReceived)
    async def nothing(event: MessageReceived) -> None:
        del event

    return for_loop(crm, MemoryLog(), lambda: LATER)


@pytest.mark.parametrize(("order", "keeps"), [(None, None), ("kept", True), ("given_up", False)])
def test_the_order_is_the_configurations_unless_told(order: Order | None, keeps: bool | None) -> None:
    """None leaves it to `[consumers.retry]`."""
    assert loops(order=order).keeps_order is keeps


def test_what_a_consumer_asks_for_reaches_the_loop() -> None:
    """Its name is its group."""
    made = loops(concurrency=3, deadline=2.5, attempts=7)
    assert (made.name, made.concurrency, made.deadline, made.attempts) == ("crm", 3, 2.5, 7)


@pytest.mark.parametrize("replays", [False, True])
def test_replays_are_for_those_who_want_them(replays: bool) -> None:
    """Everyone else counts as one with effects."""
    assert loops(replays=replays).has_effects is not replays


async def test_a_handler_gets_the_events_of_its_types_alone() -> None:
    """Others of the same topic are done without it."""
    seen: list[Event] = []
    crm = Consumer("crm")

    @crm.on(MessageReplied)
    async def note(event: MessageReplied) -> None:
        seen.append(event)

    for delivered in (stored(event_to_record(inbound(1))), stored(event_to_record(reply_of(inbound(2))))):
        await for_loop(crm, MemoryLog(), lambda: LATER).handle(delivered)
    assert [event.id for event in seen] == ["event-2"]


def reply_of(event: MessageReceived) -> MessageReplied:
    """Return the same message, as one that answers."""
    return MessageReplied(
        id=event.id, provider=event.provider, account=event.account, received_at=event.received_at, from_=event.from_
    )


async def test_the_context_says_where_the_event_came_from(desk: Desk) -> None:
    """All that the envelope has and a handler may want."""
    record = event_to_record(inbound(1), webhook_id="w1", traceparent="00-1-2-01")
    context = await desk.give(stored(record))
    assert (context.id, context.account, context.tenant, context.webhook_id) == ("event-1", "main", "acme", "w1")
    assert (context.time, context.traceparent, context.attempt, context.replay) == (NOW, "00-1-2-01", 1, False)


@pytest.mark.parametrize(("header", "attempt"), [(b"0", 1), (b"2", 3), (b"-1", 1), (b"9" * 40, 1), ("²".encode(), 1)])
async def test_the_attempt_counts_the_returns_from_the_retry_topic(desk: Desk, header: bytes, attempt: int) -> None:
    """Whatever else stands in the header is the first."""
    context = await desk.give(stored(with_header(event_to_record(inbound(1)), ATTEMPT, header)))
    assert context.attempt == attempt


async def test_a_reply_goes_to_who_wrote_from_the_number_written_to(desk: Desk) -> None:
    """With all that leads back to the message."""
    event = replace(inbound(1), sender_id="s1")
    record = event_to_record(event, webhook_id="w1", traceparent="00-1-2-01")
    context = await desk.give(stored(record))
    assert await context.reply("Hello") == reply_command_id(event)
    (command,) = commands(desk.log)
    assert (command.to, command.from_, command.text, command.sender_id) == (PERSON, MAIN, "Hello", "s1")
    assert (command.in_reply_to, command.cause, command.rule) == ("message-1", "event-1", "desk")
    (given_record,) = desk.log.on(COMMANDS.name)
    assert given_record.text_header("ce_webhookid") == "w1"
    assert given_record.text_header("traceparent") == "00-1-2-01"


async def test_a_repeat_gives_the_same_commands(desk: Desk) -> None:
    """So that the ledger carries each out once."""
    desk.texts = [("Hello", ""), ("Once more", "second")]
    for _ in range(2):
        await desk.give(stored(event_to_record(inbound(1))))
    first, second, third, fourth = (command.id for command in commands(desk.log))
    assert (first, second) == (third, fourth)
    assert first != second


async def test_another_consumer_gives_other_commands(desk: Desk) -> None:
    """Two teams may both text one person."""
    other = Desk()
    other.consumer.name = "other"
    for each in (desk, other):
        each.texts = [("Hello", "")]
        await each.give(stored(event_to_record(inbound(1))))
    assert commands(desk.log)[0].id != commands(other.log)[0].id


async def test_a_second_text_without_a_key_is_refused(desk: Desk) -> None:
    """It would be taken for a repeat of the first, and never sent."""
    desk.texts = [("Hello", ""), ("Once more", "")]
    with pytest.raises(ValueError, match="give each a key of its own"):
        await desk.give(stored(event_to_record(inbound(1))))
    assert len(commands(desk.log)) == 1


async def test_nothing_is_sent_in_a_replay(desk: Desk) -> None:
    """One inbound message gets no answer from the past."""
    context = await desk.give(replayed(inbound(1)))
    assert context.replay
    assert await context.reply("Hello") is None
    assert await context.send(to=PERSON, text="Hello") is None
    assert commands(desk.log) == []


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=1)])
async def test_an_answer_ends_some_time_after_the_message(desk: Desk, ahead: timedelta) -> None:
    """A provider's clock that is ahead of ours changes nothing."""
    context = await desk.give(stored(event_to_record(replace(inbound(1), occurred_at=NOW + ahead))))
    await context.reply("Hello", within=60)
    await context.send(to=PERSON, text="Hello", within=None)
    assert [command.expires_at for command in commands(desk.log)] == [NOW + timedelta(seconds=60), None]


async def test_what_cannot_be_sent_is_refused(desk: Desk) -> None:
    """An empty text, nobody to send it to, an event that nobody wrote."""
    context = await desk.give(stored(event_to_record(replace(inbound(1), from_=None))))
    with pytest.raises(ValueError, match="nobody wrote it"):
        await context.reply("Hello")
    with pytest.raises(ValueError, match="empty text"):
        await context.send(to=PERSON, text="")
    with pytest.raises(ValueError, match="`to` is empty"):
        await context.send(to="", text="Hello")
    assert commands(desk.log) == []


async def test_a_delivery_cannot_be_replied_to() -> None:
    """Nobody wrote it; `send` is for that."""
    update = DeliveryUpdated(
        id="d1", provider="telnyx", account="main", received_at=NOW, message_id="m1", status="failed"
    )
    raised: list[str] = []
    crm = Consumer("crm")

    @crm.on(DeliveryUpdated)
    async def tell(event: DeliveryUpdated, context: Context) -> None:
        try:
            await context.reply("Sorry")
        except ValueError as error:
            raised.append(str(error))
        await context.send(to=PERSON, text=f"{event.message_id} failed", from_=MAIN)

    log = MemoryLog()
    await for_loop(crm, log, lambda: LATER).handle(stored(event_to_record(update)))
    assert raised == ["DeliveryUpdated d1: nobody wrote it who could be answered"]
    assert [command.cause for command in commands(log)] == ["d1"]


@given(st.text(max_size=20), st.text(max_size=20), st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
async def test_no_two_texts_share_an_id(first_key: str, second_key: str, first_to: str, second_to: str) -> None:
    """Save where person and key are the same."""
    log = MemoryLog()
    crm = Consumer("crm")

    @crm.on(MessageReceived)
    async def tell(event: MessageReceived, context: Context) -> None:
        del event
        await context.send(to=first_to, text="1", key=first_key)
        if (first_to, first_key) != (second_to, second_key):
            await context.send(to=second_to, text="2", key=second_key)

    await for_loop(crm, log, lambda: LATER).handle(stored(event_to_record(inbound(1))))
    found = commands(log)
    assert len({command.id for command in found}) == len(found)


def test_a_long_wait_is_spent_in_the_retry_topic() -> None:
    """However many events ask for a minute, what stands behind them is read meanwhile."""
    assert loops().puts_off_after == 10.0
