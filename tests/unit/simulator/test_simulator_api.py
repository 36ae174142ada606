"""The cloud's API on a port."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from hookline.simulator.api import CloudApi
from hookline.simulator.engine import Engine, Limits
from providers.simulation import ApiAnswer
from tests.support.simulator import SmallCloud, outgoing, receiver


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return an HTTP client."""
    async with aiohttp.ClientSession() as client:
        yield client


async def test_a_call_reaches_the_cloud_as_it_was_made(session: aiohttp.ClientSession) -> None:
    """Method, path with query, headers in lower case, and body."""
    cloud = SmallCloud()
    api = CloudApi(cloud, clock=lambda: 5.0)
    base = await api.start()
    async with session.post(f"{base}/messages?x=1", data=b"hello", headers={"Idempotency-Key": "k"}) as response:
        assert (response.status, await response.read()) == (200, b"{}")
    await api.stop()
    method, path, headers, body = cloud.calls[0]
    assert (method, path, headers["idempotency-key"], body) == ("POST", "/messages?x=1", "k", b"hello")


async def test_effects_are_counted_and_their_reports_delivered(session: aiohttp.ClientSession) -> None:
    """What follows from a call goes to the receiver; a call without effect adds none."""
    cloud = SmallCloud()
    async with receiver() as received:
        engine = Engine(cloud, received.url)
        await engine.start()
        api = CloudApi(cloud, engine)
        base = await api.start()
        cloud.next_answer = ApiAnswer(status=200, body=b"{}", effect="m1", follow_ups=(outgoing("report"),))
        await (await session.post(f"{base}/messages")).read()
        cloud.next_answer = ApiAnswer(status=422, body=b"{}")
        await (await session.post(f"{base}/messages")).read()
        assert await engine.settled(10.0)
        await api.stop()
        await engine.stop()
    assert api.effects == ("m1",)
    assert api.statuses == {200: 1, 422: 1}
    assert received.bodies == [b"report:1"]


async def test_a_full_engine_is_told_before_the_call_has_an_effect(session: aiohttp.ClientSession) -> None:
    """A delivery report that cannot be promised makes no message."""
    cloud = SmallCloud()
    engine = Engine(cloud, "http://127.0.0.1:9/", limits=Limits(in_hand=1))
    await engine.submit(outgoing(after=60.0))
    api = CloudApi(cloud, engine)
    base = await api.start()
    async with session.post(f"{base}/messages") as response:
        assert (response.status, response.headers["retry-after"]) == (429, "1")
    await api.stop()
    assert cloud.calls == []
