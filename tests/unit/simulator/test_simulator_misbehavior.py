"""The cloud's API told to misbehave, as any API may."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from hookline.simulator.api import CloudApi
from hookline.simulator.engine import Engine, Limits
from providers.simulation import ApiAnswer, Misbehavior
from tests.support.simulator import SmallCloud, outgoing, receiver


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return an HTTP client."""
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
async def api() -> AsyncIterator[CloudApi]:
    """Return an API that makes a message with each call, and is slow for a tenth of a second if told so."""
    made = CloudApi(SmallCloud(next_answer=ApiAnswer(status=200, body=b'{"id":"m1"}', effect="m1")), slow=0.1)
    yield made
    await made.stop()


@pytest.mark.parametrize(
    ("kind", "status"), [(Misbehavior.RATE_LIMIT, 429), (Misbehavior.SERVER_ERROR, 500)], ids=["limit", "error"]
)
async def test_a_call_is_refused_as_often_as_told(
    api: CloudApi, session: aiohttp.ClientSession, kind: Misbehavior, status: int
) -> None:
    """Without an effect; the next call is well again."""
    base = await api.start()
    assert api.misbehave(kind, 2)
    answers = [await session.post(f"{base}/messages") for _ in range(3)]
    assert [answer.status for answer in answers] == [status, status, 200]
    assert (answers[0].headers.get("retry-after"), api.effects) == ("1" if status == 429 else None, ("m1",))


async def test_a_slow_call_has_its_effect(api: CloudApi, session: aiohttp.ClientSession) -> None:
    """Later than others."""
    base = await api.start()
    api.misbehave(Misbehavior.SLOW)
    begun = time.monotonic()
    async with session.post(f"{base}/messages") as answer:
        assert answer.status == 200
    assert time.monotonic() - begun >= 0.09
    assert api.effects == ("m1",)


async def test_a_half_open_call_is_done_and_its_answer_breaks_off(
    api: CloudApi, session: aiohttp.ClientSession
) -> None:
    """The caller has a status and half a body, and cannot know more."""
    base = await api.start()
    api.misbehave(Misbehavior.HALF_OPEN)
    async with session.post(f"{base}/messages") as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
    assert api.effects == ("m1",)


async def test_every_other_half_open_call_is_never_answered(api: CloudApi, session: aiohttp.ClientSession) -> None:
    """Nor done; it ends when its caller goes away."""
    base = await api.start()
    api.misbehave(Misbehavior.HALF_OPEN, 2)
    async with session.post(f"{base}/messages"):
        pass
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await session.post(f"{base}/messages")
    assert api.effects == ("m1",)


async def test_the_end_of_the_api_ends_what_is_never_answered(api: CloudApi, session: aiohttp.ClientSession) -> None:
    """It does not hold the stop up."""
    base = await api.start()
    api.misbehave(Misbehavior.HALF_OPEN, 2)
    async with session.post(f"{base}/messages"):
        pass
    hanging = asyncio.create_task(session.post(f"{base}/messages"))
    done, _ = await asyncio.wait({hanging}, timeout=0.1)
    assert not done
    async with asyncio.timeout(5.0):
        await api.stop()
    with pytest.raises(aiohttp.ClientError):
        await hanging


async def test_duplicates_are_of_deliveries() -> None:
    """The next genuine event comes twice; a forgery is not doubled, and without deliveries there is nothing to do."""
    assert not CloudApi(SmallCloud()).misbehave(Misbehavior.DUPLICATES)
    async with receiver() as received:
        engine = Engine(SmallCloud(), received.url, limits=Limits(repeat_after=0.01))
        await engine.start()
        assert CloudApi(SmallCloud(), engine).misbehave(Misbehavior.DUPLICATES)
        for name in ("one", "two"):
            await engine.submit(outgoing(name))
        assert await engine.settled(10.0)
        await engine.stop()
    assert sorted(received.bodies) == [b"one:1", b"one:1", b"two:1"]
    assert engine.report().duplicates == 1


@pytest.mark.parametrize("kind", [Misbehavior.EXPIRED_TOKEN, Misbehavior.STALE_VERSION])
async def test_the_cloud_is_asked_for_the_rest(kind: Misbehavior) -> None:
    """What it does not know is told."""
    cloud = SmallCloud()
    assert not CloudApi(cloud).misbehave(kind)
    cloud.known = frozenset({kind})
    assert CloudApi(cloud).misbehave(kind)


async def test_an_api_is_served_where_it_is_told(api: CloudApi, session: aiohttp.ClientSession) -> None:
    """The port that it had is free for another after it."""
    base = await api.start()
    port = int(base.rsplit(":", 1)[1])
    await api.stop()
    again = CloudApi(SmallCloud())
    assert await again.start("127.0.0.1", port) == base
    async with session.get(base) as answer:
        assert answer.status == 200
    await again.stop()


async def test_a_call_of_several_messages_has_several_effects(session: aiohttp.ClientSession) -> None:
    """All of them are kept, in order."""
    api = CloudApi(SmallCloud(next_answer=ApiAnswer(status=202, body=b"{}", effect="m1", more_effects=("m2", "m3"))))
    base = await api.start()
    await (await session.post(base)).read()
    await api.stop()
    assert api.effects == ("m1", "m2", "m3")
