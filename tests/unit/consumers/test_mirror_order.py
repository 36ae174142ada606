"""Mirror with `in_order`: the webhooks of an account one at a time, in the order in which they came."""

import asyncio
from random import Random

import pytest

from consumers.consumer import Reject, TryLater
from consumers.mirror import pacing
from schemas.webhook import webhook_to_record
from tests.support.consumers import Bench, until
from tests.support.mirroring import Mirroring, delivered
from tests.support.old_handler import Reply
from tests.support.telnyx import webhook_of

pytestmark = pytest.mark.usefixtures("quick")

BACKLOG = 60
BODY = b'{"data": {"id": "1"}}'


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the old handler ask for less than a second."""
    monkeypatch.setattr(pacing, "SHORTEST_WISH", 0.0)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_in_order_one_that_failed_for_long_lets_others_show_whose_fault_it_is(
    mirroring: Mirroring, status: int
) -> None:
    """They need not wait for it any more, and come before it."""
    mirroring.with_target(in_order=True, give_up_after=0.0)
    start, failure = mirroring.clock(), Reply(status, {"Retry-After": "0"})
    mirroring.handler.replies.append(failure)
    with pytest.raises(TryLater):
        await mirroring.take(webhook_of(b"bad", now=start))
    await mirroring.take(webhook_of(b"good", now=start + 1))
    mirroring.handler.replies.append(failure)
    with pytest.raises(Reject) as given_up:
        await mirroring.take(webhook_of(b"bad", now=start))
    assert given_up.value.reason == f"failed_{status}"


async def test_in_order_one_that_may_be_to_blame_comes_after_those_that_waited_for_it(mirroring: Mirroring) -> None:
    """Else it is the first one after each pause, and nobody ever shows whose fault it is."""
    mirroring.with_target(in_order=True, give_up_after=0.0)
    start, broken = mirroring.clock(), Reply(502, {"Retry-After": "0.1"})
    mirroring.handler.replies.append(broken)
    bad, good = webhook_of(b"bad", now=start), webhook_of(b"good", now=start + 1)
    for webhook in (bad, good):
        with pytest.raises(TryLater) as later:
            await mirroring.take(webhook)
    await asyncio.sleep(0.11)
    with pytest.raises(TryLater) as later:
        await mirroring.take(bad)
    assert later.value.reason == "behind_another"
    await mirroring.take(good)
    mirroring.handler.replies.append(broken)
    with pytest.raises(Reject):
        await mirroring.take(bad)
    assert mirroring.handler.bodies == [b"bad", b"good", b"bad"]


async def test_in_order_one_failure_after_the_target_was_away_is_no_reason_to_give_up(mirroring: Mirroring) -> None:
    """Though it was away for longer than a webhook is borne with."""
    mirroring.with_target(in_order=True, give_up_after=0.1)
    for status in (503, 503, 500):
        mirroring.handler.replies.append(Reply(status, {"Retry-After": "0.1"}))
        with pytest.raises(TryLater):
            await mirroring.take(webhook_of(BODY))
        await asyncio.sleep(0.11)
    await mirroring.take(webhook_of(BODY))
    assert mirroring.count("given_up") == 0


async def test_in_order_one_webhook_of_an_account_is_posted_at_a_time(mirroring: Mirroring) -> None:
    """The oldest of those in hand first."""
    consumer = mirroring.with_target(in_order=True)
    start = mirroring.clock()
    webhooks = [webhook_of(str(n).encode(), now=start + n) for n in (0, 3, 1, 2)]
    await asyncio.gather(*(consumer.handle(delivered(webhook)) for webhook in webhooks))
    assert mirroring.handler.bodies == [b"0", b"1", b"2", b"3"]
    assert mirroring.handler.most_at_once == 1


async def test_in_order_who_has_no_turn_for_long_comes_again_with_no_try_used_up(mirroring: Mirroring) -> None:
    """While a backlog drains there is always an older one: the deadline made a dead letter of the newest."""
    # It bears with as many calls as there are connections: with none it has no patience.
    mirroring.with_target(in_order=True, connections=0)
    start = mirroring.clock()
    mirroring.handler.replies.append(Reply(hang=True))
    older = asyncio.create_task(mirroring.take(webhook_of(b"older", now=start)))
    await until(lambda: mirroring.handler.at_once == 1)
    with pytest.raises(TryLater) as later:
        await asyncio.wait_for(mirroring.take(webhook_of(b"newest", now=start + 1)), 1)
    assert later.value.reason == "behind_another"
    mirroring.handler.released.set()
    await older
    # It keeps its place before those that are newer still.
    with pytest.raises(TryLater):
        await mirroring.take(webhook_of(b"newer", now=start + 2))
    await mirroring.take(webhook_of(b"newest", now=start + 1))


async def test_without_that_they_are_posted_side_by_side(mirroring: Mirroring) -> None:
    """As many as there are connections."""
    mirroring.handler.replies.extend([Reply(hang=True)] * 3)
    tasks = [asyncio.create_task(mirroring.take(webhook_of(str(n).encode()))) for n in range(3)]
    await until(lambda: mirroring.handler.at_once == 3)
    mirroring.handler.released.set()
    await asyncio.gather(*tasks)


async def test_in_order_later_ones_wait_for_one_that_failed(mirroring: Mirroring) -> None:
    """Earlier ones do not, and other accounts neither."""
    mirroring.with_target(in_order=True)
    start = mirroring.clock()
    mirroring.handler.replies.append(Reply(500))
    with pytest.raises(TryLater):
        await mirroring.take(webhook_of(b"1", now=start + 1))
    with pytest.raises(TryLater) as later:
        await mirroring.take(webhook_of(b"2", now=start + 2))
    assert later.value.reason == "behind_another"
    await mirroring.take(webhook_of(b"0", now=start))
    await mirroring.take(webhook_of(b"3", account="other", now=start + 3))
    await mirroring.take(webhook_of(b"1", now=start + 1))
    await mirroring.take(webhook_of(b"2", now=start + 2))
    assert mirroring.handler.bodies == [b"1", b"0", b"3", b"1", b"2"]


async def test_in_order_those_that_wait_for_a_rest_to_end_come_one_after_another(mirroring: Mirroring) -> None:
    """All at once, a thousand of them kept the loop from posting the first one."""
    mirroring.with_target(in_order=True)
    start, now = mirroring.clock(), asyncio.get_running_loop().time
    due = list[tuple[float, float]]()
    mirroring.handler.replies.append(Reply(502, {"Retry-After": "17"}))
    for number in range(50):
        asked = now()
        with pytest.raises(TryLater) as later:
            await mirroring.take(webhook_of(b"%d" % number, now=start + number))
        # At some time between these two, as it was asked at some time between.
        due.append((asked + later.value.seconds, now() + later.value.seconds))
    assert due[-1][1] - due[1][0] > 0.09


async def test_in_order_a_backlog_behind_one_failure_goes_on_at_once(mirroring: Mirroring, bench: Bench) -> None:
    """Those that waited are not asked again and again: the next one is there when its turn comes."""
    consumer = mirroring.with_target(in_order=True)
    mirroring.handler.replies.append(Reply(500, {"Retry-After": "0.5"}))
    start = mirroring.clock()
    began = asyncio.get_running_loop().time()
    bench.run(consumer)
    # The first one fails; the others come one by one meanwhile, from several partitions, so in no order.
    for number in (0, *Random(7).sample(range(1, BACKLOG), BACKLOG - 1)):
        webhook = webhook_of(str(number).encode(), now=start + number)
        bench.log.put(webhook_to_record(webhook, webhook.id))
        await asyncio.sleep(0.01 if number == 0 else 0.003)
    await until(lambda: bench.log.done("mirror") == BACKLOG)
    assert sorted(map(int, mirroring.handler.bodies[1:])) == list(range(BACKLOG))
    # Each of them once every 0.2 s took 5 s, and the longer the more of them there were.
    assert asyncio.get_running_loop().time() - began < 3
