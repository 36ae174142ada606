"""Confirm while a provider is in trouble: postponed, asked again ever more seldom, given up at last."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog

from broker.log import Partition
from consumers.confirm.batching import CALLS_AT_ONCE, PARK_AFTER, PARKED
from consumers.confirm.patience import LONGEST_PAUSE, PUTS_OFF_AFTER
from consumers.consumer import TryLater
from consumers.loop.tempo import Tempo
from providers.rest.errors import (
    ApiError,
    AuthenticationError,
    NotConnectedError,
    ProviderFaultError,
    RateLimitedError,
)
from schemas.topics import INBOUND
from tests.support.confirming import Desk, Slow, consumer_of, messages, pauses, put_off, waiting
from tests.support.consumers import Bench, delivered, inbound, until


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Give a bench and end its loops."""
    made = Bench(partitions=4)
    yield made
    await made.stop()


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


async def test_the_wish_of_a_provider_to_wait_is_followed(bench: Bench) -> None:
    """Its Retry-After is how long the events wait."""
    desk = Desk(troubles=[RateLimitedError(429, (), 17.0)])
    with pytest.raises(TryLater) as found:
        await consumer_of(bench, desk).handle(delivered(inbound()))
    assert found.value.seconds == pytest.approx(17.0, abs=0.5)
