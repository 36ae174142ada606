"""Confirm: batches by size and age, halves for what the provider refuses, never before the event is stored."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
import structlog

from broker.log import Partition
from consumers.confirm.batching import CALLS_AT_ONCE, PARK_AFTER, PARKED, Turns
from consumers.confirm.consumer import confirm
from consumers.confirm.patience import LONGEST_PAUSE, PUTS_OFF_AFTER
from consumers.confirm.settings import ConfirmSettings
from consumers.consumer import Consumer, TryLater
from consumers.loop.origin import due_of
from consumers.loop.retries import retry_record
from consumers.loop.tempo import Tempo
from providers.rest.errors import (
    ApiError,
    AuthenticationError,
    NotConnectedError,
    ProviderFaultError,
    RateLimitedError,
    RefusedError,
)
from providers.roles import Confirmation
from schemas.envelope import Delivered, event_to_record, read_event
from schemas.events import Event, InboundMessage
from schemas.records import StoredRecord
from schemas.topics import INBOUND, retry_topic
from tests.support.consumers import Bench, command, delivered, inbound, until, with_header


@dataclass
class Desk:
    """A provider that takes confirmations; `poison` ids it refuses, `troubles` it raises in turn."""

    batch_size: int = 100
    calls: list[list[str]] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    poison: set[str] = field(default_factory=set)
    troubles: list[Exception] = field(default_factory=list)
    closed: bool = False

    def confirmation(self, event: Event) -> Confirmation | None:
        """Want inbound messages confirmed."""
        if not isinstance(event, InboundMessage) or event.message_id is None:
            return None
        return Confirmation("reply", event.message_id)

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Take them, or refuse."""
        await asyncio.sleep(0)
        ids = [each.id for each in confirmations]
        assert 1 <= len(ids) <= self.batch_size
        self.calls.append(ids)
        if self.troubles:
            raise self.troubles.pop(0)
        if self.poison & set(ids):
            raise RefusedError(400, ())
        self.confirmed += ids

    async def close(self) -> None:
        """Note it."""
        self.closed = True


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Give a bench and end its loops."""
    made = Bench(partitions=4)
    yield made
    await made.stop()


def consumer_of(
    bench: Bench, desk: Desk, max_age: float = 0.01, *, give_up_after: float = 86_400.0, **more: Desk
) -> Consumer:
    """Return the consumer for an account `main`, and more accounts by name."""
    settings = ConfirmSettings(max_age=max_age, give_up_after=give_up_after)
    return confirm(settings, {"main": desk, **more}, bench.metrics, lambda: bench.now)


def messages(count: int, account: str = "main") -> list[InboundMessage]:
    """Return messages of as many people."""
    return [inbound(n, key=f"+1555{n:07d}", account=account, message_id=f"{account}-{n}") for n in range(count)]


async def test_events_in_hand_are_confirmed_by_one_call(bench: Bench) -> None:
    """And a full batch does not wait for its age."""
    desk = Desk()
    bench.fill(*messages(250))
    bench.run(consumer_of(bench, desk, max_age=0.5))
    await until(lambda: len(desk.confirmed) == 250)
    assert max(len(call) for call in desk.calls) == 100
    assert sorted(desk.confirmed) == sorted(f"main-{n}" for n in range(250))


async def test_no_call_names_more_than_the_provider_takes(bench: Bench) -> None:
    """Whatever its limit is."""
    desk = Desk(batch_size=7)
    bench.fill(*messages(40))
    bench.run(consumer_of(bench, desk))
    await until(lambda: len(desk.confirmed) == 40)
    assert max(len(call) for call in desk.calls) <= 7


async def test_one_event_alone_is_confirmed_when_it_is_old_enough(bench: Bench) -> None:
    """It does not wait for a hundred."""
    desk = Desk()
    async with asyncio.timeout(5):
        await consumer_of(bench, desk).handle(delivered(inbound()))
    assert desk.calls == [["message-0"]]


async def test_accounts_do_not_mix(bench: Bench) -> None:
    """Each provider hears of its own messages alone."""
    main, second = Desk(), Desk()
    bench.fill(*messages(20), *messages(20, "second"))
    bench.run(consumer_of(bench, main, second=second))
    await until(lambda: len(main.confirmed) + len(second.confirmed) == 40)
    assert {name.partition("-")[0] for name in main.confirmed} == {"main"}
    assert {name.partition("-")[0] for name in second.confirmed} == {"second"}


@pytest.mark.parametrize("event", [inbound(account="other"), inbound(message_id=None), command()])
async def test_what_has_nothing_to_confirm_is_done_at_once(bench: Bench, event: Event) -> None:
    """An account without confirmations, an event without an id, another kind of event."""
    desk = Desk()
    await consumer_of(bench, desk).handle(delivered(event))
    assert desk.calls == []


async def test_the_same_event_twice_is_confirmed_once(bench: Bench) -> None:
    """As a push and a poll bring it."""
    desk = Desk()
    handle = consumer_of(bench, desk).handle
    await asyncio.gather(handle(delivered(inbound())), handle(delivered(inbound())))
    await handle(delivered(inbound()))
    assert desk.calls == [["message-0"]]


async def test_what_the_provider_refuses_is_found_by_halving_and_given_up(bench: Bench) -> None:
    """The others of its batch are confirmed; nothing stands still behind it."""
    desk = Desk(poison={"main-5"})
    bench.fill(*messages(32))
    bench.run(consumer_of(bench, desk, max_age=0.2))
    await until(lambda: len(desk.confirmed) == 31)
    assert "main-5" not in desk.confirmed
    await until(lambda: bench.count("confirmations_total", account="main", outcome="refused") == 1)
    await until(lambda: bench.count("records_total", consumer="confirm", outcome="handled") == 32)


@pytest.mark.parametrize(
    "trouble",
    [
        NotConnectedError("away"),
        AuthenticationError(403, ()),
        RateLimitedError(429, (), 0.01),
        ProviderFaultError(503, ()),
    ],
)
async def test_trouble_at_the_provider_postpones_the_whole_batch(bench: Bench, trouble: ApiError) -> None:
    """Nobody's event is given up for it."""
    desk = Desk(troubles=[trouble])
    bench.fill(*messages(3))
    bench.run(consumer_of(bench, desk, max_age=0.1))
    await until(lambda: len(desk.confirmed) == 3)
    assert sorted(desk.confirmed) == ["main-0", "main-1", "main-2"]
    assert bench.count("confirmations_total", account="main", outcome="postponed") == 1
    assert bench.count("confirmations_total", account="main", outcome="given_up") == 0


async def test_while_a_provider_is_in_trouble_it_is_left_alone(bench: Bench) -> None:
    """What comes meanwhile waits without a call of its own."""
    desk = Desk(troubles=[RateLimitedError(429, (), 30.0)])
    handle = consumer_of(bench, desk).handle
    found = await asyncio.gather(*(handle(delivered(each)) for each in messages(3)), return_exceptions=True)
    with pytest.raises(TryLater) as later:
        await handle(delivered(inbound(9, message_id="main-9")))
    assert [type(each) for each in found] == [TryLater] * 3
    assert 29 < later.value.seconds <= 30
    assert len(desk.calls) == 1


def waiting(bench: Bench) -> list[StoredRecord]:
    """Return what was put in the retry topic."""
    return bench.log.on(retry_topic(INBOUND, "confirm").name)


def pauses(bench: Bench) -> list[float]:
    """Return how many seconds each of them was to wait, in the order of their coming."""
    return [(due_of(record) - record.timestamp) / 1000 for record in waiting(bench)]


def put_off(bench: Bench, seconds_ago: float, event: Event) -> Delivered:
    """Return the event as it comes from the retry topic, where it was put so long ago."""
    first = delivered(event).record
    since = int((bench.now - seconds_ago) * 1000)
    place = bench.log.put(retry_record(first, retry_topic(INBOUND, "confirm"), attempt=0, due=since, reason="test"))
    return read_event(bench.log.records[place.partition][place.offset])


async def test_an_account_whose_credentials_are_refused_does_not_stop_another(bench: Bench) -> None:
    """Its events wait in the retry topic, and nothing of it keeps the topic from being committed."""
    locked, well = Desk(troubles=[AuthenticationError(403, ()) for _ in range(100)]), Desk()
    bench.fill(*messages(300), *messages(5, "second"))
    bench.run(consumer_of(bench, locked, second=well))
    await until(lambda: len(well.confirmed) == 5)
    await until(lambda: bench.count("records_total", consumer="confirm", outcome="put_off") == 300)
    await until(lambda: sum(bench.log.offsets.get(("confirm", Partition(INBOUND.name, n)), 0) for n in range(4)) == 305)
    assert bench.count("confirmations_total", account="main", outcome="given_up") == 0
    assert len(locked.calls) == PARK_AFTER
    assert all(pause >= PUTS_OFF_AFTER for pause in pauses(bench))


async def test_what_was_put_off_is_confirmed_when_its_provider_is_well(bench: Bench) -> None:
    """By the events themselves: no poll is needed for it."""
    desk = Desk(troubles=[RateLimitedError(429, (), 20.0)])
    bench.fill(*messages(30))
    loop = bench.run(consumer_of(bench, desk))
    await until(lambda: len(waiting(bench)) == 30)
    loop.stop()
    await bench.stop()
    bench.now += 21
    bench.run(consumer_of(bench, desk))
    await until(lambda: len(desk.confirmed) == 30)
    await until(lambda: bench.log.done("confirm") == 60)


async def test_an_account_that_waits_in_the_retry_topic_keeps_nobody_waiting_there(bench: Bench) -> None:
    """What comes due and cannot be confirmed goes to the end of it, so that another account's is read."""
    locked, well = Desk(troubles=[RateLimitedError(429, (), 60.0) for _ in range(9)]), Desk()
    for event in (*messages(3), *messages(3, "second")):
        put_off(bench, 20.0, event)
    bench.run(consumer_of(bench, locked, second=well))
    await until(lambda: len(well.confirmed) == 3)
    await until(lambda: len(waiting(bench)) == 9)
    assert all(pause == pytest.approx(60.0, abs=1.0) for pause in pauses(bench)[6:])


@pytest.mark.parametrize(("waited", "pause"), [(0.0, 30.0), (20.0, 30.0), (600.0, 600.0), (50_000.0, LONGEST_PAUSE)])
async def test_who_has_waited_for_long_comes_again_less_often(bench: Bench, waited: float, pause: float) -> None:
    """As long again as it has waited, an hour at most: each coming is a record to be written."""
    handle = consumer_of(bench, Desk(troubles=[RateLimitedError(429, (), 30.0)])).handle
    with pytest.raises(TryLater):
        await handle(delivered(messages(1)[0]))
    with pytest.raises(TryLater) as later:
        await handle(put_off(bench, waited, messages(2)[1]))
    assert later.value.seconds == pytest.approx(pause, abs=1.0)


async def test_an_event_is_given_up_when_it_has_waited_too_long(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted, and one line of the log tells of all that were given up meanwhile."""
    monkeypatch.setattr("consumers.confirm.patience.TELL_AFTER", 0.01)
    handle = consumer_of(bench, Desk(troubles=[NotConnectedError("away")] * 2), give_up_after=60.0).handle
    with pytest.raises(TryLater):
        await handle(put_off(bench, 59.0, messages(1)[0]))
    with structlog.testing.capture_logs() as logs:
        for message in messages(4)[1:]:
            await handle(put_off(bench, 60.0, message))
        await until(lambda: any(line["event"] == "confirmations_given_up" for line in logs))
    assert bench.count("confirmations_total", account="main", outcome="given_up") == 3
    assert [line["count"] for line in logs if line["event"] == "confirmations_given_up"] == [3]


async def test_an_old_event_is_confirmed_where_its_provider_is_well(bench: Bench) -> None:
    """Its age alone is no reason to give it up."""
    desk = Desk()
    await consumer_of(bench, desk, give_up_after=60.0).handle(put_off(bench, 90_000.0, messages(1)[0]))
    assert desk.confirmed == ["main-0"]


async def test_an_account_with_wrong_credentials_is_asked_again_seldom(bench: Bench) -> None:
    """And its events come again no sooner than that."""
    desk = Desk(troubles=[AuthenticationError(403, ()) for _ in range(PARK_AFTER)])
    handle = consumer_of(bench, desk).handle
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("consumers.confirm.batching._PAUSES", Tempo(first_pause=0.0, longest_pause=0.0))
        for message in messages(PARK_AFTER):
            with pytest.raises(TryLater) as later:
                await handle(delivered(message))
    assert later.value.seconds == pytest.approx(PARKED, abs=1.0)


class Slow(Desk):
    """A desk whose calls end when they are told to."""

    def __init__(self, batch_size: int) -> None:
        super().__init__(batch_size)
        self.go = asyncio.Event()
        self.most = self.under_way = 0

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Wait, then confirm."""
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.go.wait()
        await super().confirm(confirmations)
        self.under_way -= 1


async def test_a_slow_provider_holds_no_more_than_its_calls_and_one_batch(bench: Bench) -> None:
    """Those in their calls and one that waits; whoever comes then gives its place to others."""
    desk = Slow(batch_size=1)
    handle = consumer_of(bench, desk).handle
    held = [asyncio.ensure_future(handle(delivered(each))) for each in messages(CALLS_AT_ONCE + 1)]
    await until(lambda: desk.under_way == CALLS_AT_ONCE)
    with pytest.raises(TryLater):
        await handle(delivered(inbound(9, message_id="main-9")))
    desk.go.set()
    await asyncio.gather(*held)
    assert (desk.most, len(desk.confirmed)) == (CALLS_AT_ONCE, CALLS_AT_ONCE + 1)


async def test_who_finds_no_room_at_a_provider_that_hangs_is_put_off(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that its events do not fill what is in hand; the calls go on."""
    monkeypatch.setattr("consumers.confirm.batching.SLOW", -1.0)
    slow, well = Slow(batch_size=1), Desk()
    bench.fill(*messages(300), *messages(40, "second"))
    bench.run(consumer_of(bench, slow, second=well))
    await until(lambda: len(waiting(bench)) == 300 - CALLS_AT_ONCE - 1)
    await until(lambda: len(well.confirmed) == 40)
    assert min(pauses(bench)) == PUTS_OFF_AFTER
    slow.go.set()
    await until(lambda: len(slow.confirmed) == CALLS_AT_ONCE + 1)


async def test_in_trouble_one_call_asks_whether_that_is_over(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its batch takes whoever it has room for; the others wait."""
    monkeypatch.setattr("consumers.confirm.batching._PAUSES", Tempo(first_pause=0.0, longest_pause=0.0))
    desk = Slow(batch_size=2)
    desk.troubles = [NotConnectedError("away")]
    handle = consumer_of(bench, desk).handle
    desk.go.set()
    with pytest.raises(TryLater):
        await handle(delivered(messages(1)[0]))
    desk.go.clear()
    desk.under_way = desk.most = 0
    held = [asyncio.ensure_future(handle(delivered(each))) for each in messages(2)]
    await until(lambda: desk.under_way == 1)
    with pytest.raises(TryLater):
        await handle(delivered(inbound(9, message_id="main-9")))
    desk.go.set()
    await asyncio.gather(*held)
    assert (desk.most, sorted(desk.confirmed)) == (1, ["main-0", "main-1"])


async def test_while_calls_are_under_way_the_next_batch_fills(bench: Bench) -> None:
    """So that a backlog goes in full batches, also after those that were too old to wait."""
    desk = Slow(batch_size=100)
    handle = consumer_of(bench, desk, max_age=0.001).handle
    held = list[asyncio.Future[None]]()
    for number, message in enumerate(messages(CALLS_AT_ONCE + 50)):
        held.append(asyncio.ensure_future(handle(delivered(message))))
        if number < CALLS_AT_ONCE:
            await until(lambda wanted=number + 1: desk.under_way == wanted)  # type: ignore[misc]
    await asyncio.sleep(0)
    desk.go.set()
    await asyncio.gather(*held)
    assert [len(call) for call in desk.calls] == [*[1] * CALLS_AT_ONCE, 50]


async def test_a_backlog_goes_in_full_batches(bench: Bench) -> None:
    """Whatever is in hand beyond them waits its turn, and nobody asks without end."""
    desk = Desk(batch_size=20)
    bench.fill(*messages(300))
    bench.run(consumer_of(bench, desk, max_age=1.0))
    await until(lambda: len(desk.confirmed) == 300, patience=30)
    assert len(set(desk.confirmed)) == 300
    assert len(desk.calls) <= 20


def test_those_who_find_no_room_come_again_in_their_order() -> None:
    """As fast as calls take them, and never after long."""
    turns = Turns(200)
    turns.called(0, 1.0)
    found = [turns.next() for _ in range(1000)]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (0.2, 5.0)
    turns.called(900, 1.0)
    assert turns.next() == pytest.approx(0.505)
    assert max(turns.next() for _ in range(100_000)) == 10.0


async def test_the_wish_of_a_provider_to_wait_is_followed(bench: Bench) -> None:
    """Its Retry-After is how long the events wait."""
    desk = Desk(troubles=[RateLimitedError(429, (), 17.0)])
    with pytest.raises(TryLater) as found:
        await consumer_of(bench, desk).handle(delivered(inbound()))
    assert found.value.seconds == pytest.approx(17.0, abs=0.5)


async def test_a_leader_that_is_cancelled_leaves_nobody_waiting(bench: Bench) -> None:
    """The partition of one event is revoked: the others try again."""
    handle = consumer_of(bench, Desk(), max_age=60.0).handle
    leader, follower = (asyncio.ensure_future(handle(delivered(each))) for each in messages(2))
    await asyncio.sleep(0)
    leader.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(TryLater):
            await follower
    assert leader.cancelled() or leader.done()


async def test_a_follower_that_is_cancelled_does_not_stop_the_call(bench: Bench) -> None:
    """Its event is confirmed with the rest and comes again elsewhere, which does no harm."""
    desk = Desk()
    handle = consumer_of(bench, desk, max_age=0.05).handle
    leader, follower = (asyncio.ensure_future(handle(delivered(each))) for each in messages(2))
    await asyncio.sleep(0)
    follower.cancel()
    async with asyncio.timeout(5):
        await leader
    assert desk.calls == [["main-0", "main-1"]]


async def test_a_replayed_record_is_not_confirmed(bench: Bench) -> None:
    """A replay has no effects."""
    desk = Desk()
    bench.log.put(with_header(event_to_record(inbound()), "ce_replayid", b"replay-1"))
    bench.run(consumer_of(bench, desk))
    await until(lambda: bench.count("records_total", consumer="confirm", outcome="replay_skipped") == 1)
    assert desk.calls == []
