"""The token of a client that closes: none is lost that Syniverse has given, and none is asked for any more."""

import asyncio
import json
from pathlib import Path

import pytest

from providers.syniverse.api import tokens
from providers.syniverse.api.token_file import TokenFile
from providers.syniverse.client import SyniverseClient
from tests.support.syniverse_api import TOKEN, fake_api
from tests.support.syniverse_tokens import REFRESHING, Gateway, SlowGateway, slow_gateway


async def regenerating(gateway: SlowGateway, client: SyniverseClient) -> asyncio.Task[bool]:
    """Bring a client into a regeneration whose caller has given up, and return its task."""
    call = asyncio.create_task(client.contacts.get("c1"))
    await gateway.asked.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    running = client._tokens._running
    assert running is not None
    return running


async def test_closing_that_is_cut_keeps_the_token(tmp_path: Path) -> None:
    """The old token is dead as soon as Syniverse was asked: who is in a hurry gets the seconds that it takes."""
    async with slow_gateway() as gateway:
        client = gateway.client(tmp_path / "token")
        await regenerating(gateway, client)
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0)
        closing.cancel()
        gateway.answers.set()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert json.loads((tmp_path / "token").read_bytes())["token"] == "TOKEN-2"
        assert (client._tokens._transport._session, client.transport._session) == (None, None)


async def test_closing_does_not_wait_for_ever_and_the_token_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A regeneration that takes longer goes on by itself, keeps its token and closes its connection."""
    monkeypatch.setattr(tokens, "_CLOSING_PATIENCE", 0.01)
    async with slow_gateway() as gateway:
        client = gateway.client(tmp_path / "token")
        running = await regenerating(gateway, client)
        await client.close()
        assert not running.done()
        assert client.transport._session is None
        gateway.answers.set()
        assert await running
        assert json.loads((tmp_path / "token").read_bytes())["token"] == "TOKEN-2"
        assert client._tokens._transport._session is None


async def test_client_that_closes_begins_no_regeneration(tmp_path: Path) -> None:
    """A refusal that comes while it closes stays one; what another process has kept is taken over."""
    path = tmp_path / "token"
    async with fake_api() as api:
        api.handler = Gateway()
        client = api.client(**REFRESHING, token_file=path)
        await client.close()
        assert not await client._tokens.renewed(TOKEN.value)
        await TokenFile(path, TOKEN.value).save("TOKEN-9")
        assert await client._tokens.renewed(TOKEN.value)
        await client.close()
    assert api.seen == []


async def test_regeneration_that_waits_for_its_turn_is_not_begun_while_closing(tmp_path: Path) -> None:
    """Nothing is dead yet where another process is at it."""
    path = tmp_path / "token"
    async with fake_api() as api:
        api.handler = Gateway()
        client = api.client(**REFRESHING, token_file=path)
        async with TokenFile(path, TOKEN.value).claim(1.0):
            call = asyncio.create_task(client._tokens.renewed(TOKEN.value))
            await asyncio.sleep(0)
            closing = asyncio.create_task(client.close())
            await asyncio.sleep(0)
        assert not await call
        await closing
    assert api.seen == []
