"""Confirm: batches by size and age, halves for what the provider refuses, never before the event is stored."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from consumers.confirm.batching import CALLS_AT_ONCE, Turns
from consumers.consumer import TryLater
from providers.rest.errors import NotFoundError
from schemas.envelope import event_to_record
from schemas.events import Event
from tests.support.confirming import Desk, Never, Slow, Telling, consumer_of, messages, waiting
from tests.support.consumers import Bench, command, delivered, inbound, until, with_header


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Give a bench and end its loops."""
    made = Bench(partitions=4)
    yield made
    await made.stop()


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


async def test_what_the_provider_names_as_refused_is_given_up_and_no_halves_are_tried(bench: Bench) -> None:
    """The others of its batch are confirmed by that one call, and none waits in the retry topic."""
    desk = Telling(batch_size=20, poison={"main-7"})
    bench.fill(*messages(40))
    bench.run(consumer_of(bench, desk, max_age=0.2))
    await until(lambda: bench.count("records_total", consumer="confirm", outcome="handled") == 40)
    assert sorted(desk.confirmed) == sorted(f"main-{n}" for n in range(40) if n != 7)
    assert bench.count("confirmations_total", account="main", outcome="refused") == 1
    assert bench.count("confirmations_total", account="main", outcome="confirmed") == 39
    assert waiting(bench) == []


async def test_one_refusal_of_all_is_counted_each_time_and_told_once(bench: Bench) -> None:
    """As of a provider that does not offer to confirm: nothing of it counts as confirmed, nor fills the log."""
    desk = Never(batch_size=5)
    handle = consumer_of(bench, desk).handle
    with capture_logs() as lines:
        for message in messages(3):
            await handle(delivered(message))
    assert bench.count("confirmations_total", account="main", outcome="refused") == 3
    assert bench.count("confirmations_total", account="main", outcome="confirmed") == 0
    assert [line["status"] for line in lines if line["event"] == "confirmation_refused"] == [405]


async def test_404_puts_off_also_one_that_is_alone(bench: Bench) -> None:
    """Any server answers so: the message may wait there still."""
    desk = Desk(troubles=[NotFoundError(404, ())])
    handle = consumer_of(bench, desk).handle
    with pytest.raises(TryLater):
        await handle(delivered(inbound()))
    assert bench.count("confirmations_total", account="main", outcome="refused") == 0


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
