"""The engine delivers as a cloud does: patience, retries, repeats, forgeries."""

import asyncio

import pytest

from hookline.simulator.deliveries import Deliveries, content_digest
from hookline.simulator.engine import Engine, Limits
from hookline.simulator.tally import Report
from providers.simulation import Forgery, Outgoing, RetryPlan
from tests.support.simulator import Answering, Received, SmallCloud, believing, outgoing, receiver

QUICK = Limits(repeat_after=0.01)


async def deliver(
    *outgoings: Outgoing,
    answering: Answering = believing,
    cloud: SmallCloud | None = None,
    deliveries: Deliveries | None = None,
    limits: Limits = QUICK,
) -> tuple[Report, Received]:
    """Deliver to a receiver that answers so, until all is settled."""
    async with receiver(answering) as received:
        engine = Engine(cloud or SmallCloud(), received.url, deliveries=deliveries, limits=limits)
        await engine.start()
        for item in outgoings:
            await engine.submit(item)
        assert await engine.settled(10.0)
        await engine.stop()
        return engine.report(), received


async def test_an_acknowledged_event_is_sent_once() -> None:
    """A 200 ends the delivery."""
    report, received = await deliver(outgoing())
    assert received.bodies == [b"one:1"]
    assert (report.sent, report.attempts, report.acknowledged, report.clean) == (1, 1, 1, True)


async def test_a_failure_is_tried_again_with_the_next_attempt_number() -> None:
    """The body tells the attempt, counted from 1."""
    report, received = await deliver(outgoing(), answering=lambda number, *_: 503 if number < 3 else 200)
    assert received.bodies == [b"one:1", b"one:2", b"one:3"]
    assert (report.retried, report.acknowledged, report.failures) == (2, 1, {"503": 2})


async def test_the_cloud_gives_up_when_its_pauses_are_used_up() -> None:
    """Two pauses make three attempts; then the event is lost to the receiver, and counted."""
    report, received = await deliver(outgoing(), answering=lambda *_: 500)
    assert len(received.bodies) == 3
    assert (report.given_up, report.acknowledged, report.unsettled, report.clean) == (1, 0, 0, False)


async def test_a_retry_waits_its_pause() -> None:
    """The pauses of the plan are kept, in their order."""
    plan = RetryPlan(timeout=1.0, pauses=(0.15, 0.01), succeeded=lambda status: status == 200)
    loop = asyncio.get_running_loop()
    times: list[float] = []

    def note(*_: object) -> int:
        times.append(loop.time())
        return 500

    await deliver(outgoing(), answering=note, cloud=SmallCloud(retry=plan))
    first, second, third = times
    assert second - first >= 0.14
    assert third - second < 0.14


async def test_a_slow_answer_is_a_failure_at_the_timeout() -> None:
    """The provider's patience ends and the next attempt begins."""
    plan = RetryPlan(timeout=0.1, pauses=(0.01,), succeeded=lambda status: status == 200)
    report, received = await deliver(
        outgoing(), answering=lambda number, *_: 5.0 if number == 1 else 200, cloud=SmallCloud(retry=plan)
    )
    assert len(received.bodies) == 2
    assert (report.failures, report.acknowledged) == ({"timeout": 1}, 1)


async def test_a_closed_connection_is_a_failure() -> None:
    """No answer at all is tried again too."""
    report, received = await deliver(outgoing(), answering=lambda number, *_: ConnectionError() if number == 1 else 200)
    assert len(received.bodies) == 2
    assert (report.failures, report.acknowledged) == ({"closed without an answer": 1}, 1)


async def test_nobody_listening_is_a_failure() -> None:
    """A refused connection counts as any other failed attempt."""
    engine = Engine(SmallCloud(), "http://127.0.0.1:9/hook")
    await engine.start()
    await engine.submit(outgoing())
    assert await engine.settled(10.0)
    await engine.stop()
    assert (engine.report().given_up, engine.report().failures) == (1, {"no connection": 3})


async def test_a_redirect_is_not_followed() -> None:
    """What is not the provider's success is a failure, a redirect too."""
    report, received = await deliver(outgoing(), answering=lambda *_: 307)
    assert len(received.bodies) == 3
    assert report.given_up == 1


async def test_repeats_follow_a_success_first_with_the_same_bytes() -> None:
    """A cloud repeats what was answered: byte for byte, and with a higher attempt."""
    report, received = await deliver(outgoing(copies=3))
    assert received.bodies == [b"one:1", b"one:1", b"one:2"]
    assert (report.sent, report.acknowledged, report.duplicates, report.attempts) == (1, 1, 2, 3)


async def test_a_repeat_that_fails_is_not_tried_again() -> None:
    """The event is acknowledged already."""
    report, received = await deliver(outgoing(copies=2), answering=lambda number, *_: 200 if number == 1 else 500)
    assert len(received.bodies) == 2
    assert (report.acknowledged, report.given_up) == (1, 0)


@pytest.mark.parametrize("forgery", Forgery)
async def test_a_refused_forgery_is_as_it_should_be(forgery: Forgery) -> None:
    """A 401 is the expected answer and ends it."""
    report, received = await deliver(outgoing(forgery=forgery))
    assert received.signatures == [f"forged-{forgery}"]
    assert (report.forged, report.refused, report.sent, report.clean) == (1, 1, 0, True)
    assert report.by_forgery == {forgery: 1}


async def test_an_accepted_forgery_is_an_alarm() -> None:
    """A 2xx to a forgery is counted by itself and spoils the report."""
    report, _ = await deliver(outgoing(forgery=Forgery.UNSIGNED), answering=lambda *_: 200)
    assert (report.accepted_forgery, report.refused, report.clean) == (1, 0, False)


async def test_a_forgery_is_never_tried_again() -> None:
    """Whatever comes back; but it was not refused, so the report is not clean."""
    report, received = await deliver(outgoing(forgery=Forgery.OLD), answering=lambda *_: 500)
    assert len(received.bodies) == 1
    assert (report.undecided, report.clean) == (1, False)


async def test_a_genuine_event_that_is_not_believed_is_counted() -> None:
    """A 401 to a genuine event points at a key that is not trusted."""
    report, _ = await deliver(outgoing(), answering=lambda *_: 401)
    assert (report.wrongly_refused, report.given_up) == (3, 1)


async def test_every_attempt_is_signed_at_its_own_time() -> None:
    """A retry carries a new timestamp, else it would grow too old."""
    ticks = iter(range(100, 200))
    cloud = SmallCloud()
    async with receiver(lambda number, *_: 500 if number == 1 else 200) as received:
        engine = Engine(cloud, received.url, clock=lambda: float(next(ticks)), limits=QUICK)
        await engine.start()
        await engine.submit(outgoing())
        assert await engine.settled(10.0)
        await engine.stop()
    assert cloud.signed_at == [100.0, 101.0]


async def test_a_delivery_waits_until_its_time() -> None:
    """`after` puts it behind those that are due earlier."""
    _, received = await deliver(outgoing("late", after=0.1), outgoing("soon"))
    assert received.bodies == [b"soon:1", b"late:1"]


async def test_requests_at_once_are_bounded() -> None:
    """No more connections than asked for."""
    items = [outgoing(str(number)) for number in range(12)]
    _, received = await deliver(*items, answering=lambda *_: 0.02, limits=Limits(concurrency=3))
    assert received.most_at_once == 3


async def test_submitting_waits_while_too_many_are_in_hand() -> None:
    """The queue is bounded."""
    async with receiver(lambda *_: 0.2) as received:
        engine = Engine(SmallCloud(), received.url, limits=Limits(concurrency=1, in_hand=2))
        await engine.start()
        await engine.submit(outgoing("a"))
        await engine.submit(outgoing("b"))
        third = asyncio.create_task(engine.submit(outgoing("c")))
        await asyncio.sleep(0)
        assert not third.done()
        assert not engine.has_room
        await third
        assert received.bodies[0] == b"a:1"
        assert await engine.settled(10.0)
        await engine.stop()


async def test_settling_has_a_limit() -> None:
    """A receiver that hangs does not hold the caller."""
    async with receiver(lambda *_: 0.3) as received:
        engine = Engine(SmallCloud(), received.url)
        await engine.start()
        await engine.submit(outgoing())
        assert not await engine.settled(0.01)
        await engine.stop()
    assert engine.in_hand == 1


async def test_the_ledger_holds_what_was_acknowledged_and_what_was_forged() -> None:
    """Every acknowledged body can be looked for in the log, and every forged one too."""
    deliveries = Deliveries()
    await deliver(outgoing("good"), outgoing("bad", forgery=Forgery.UNSIGNED), deliveries=deliveries)
    assert [entry.body for entry in deliveries.acknowledged] == [b"good:1"]
    assert deliveries.forged == {content_digest(b"bad:1")}


async def test_a_cloud_that_breaks_is_told_at_the_end() -> None:
    """A bug of the cloud does not vanish in a task."""

    def broken(_attempt: int) -> bytes:
        raise ZeroDivisionError

    async with receiver() as received:
        engine = Engine(SmallCloud(), received.url)
        await engine.start()
        await engine.submit(Outgoing(label="broken", body=broken))
        assert not await engine.settled(0.1)
        with pytest.raises(ZeroDivisionError):
            await engine.stop()
