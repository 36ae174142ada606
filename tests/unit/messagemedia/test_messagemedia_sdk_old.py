"""MessageMedia's SDKs of 2018 for webhooks and signature keys as peers: what they send, our client sends.

Known deviations of theirs: the list of webhooks is asked for under a path that ends in a slash, with `pageSize` for
`page_size`; the list of keys without a page; what is not set is written out as null.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from providers.messagemedia.client import MessageMediaClient
from providers.rest.errors import UnreadableAnswerError
from tests.support.messagemedia_api import KEY, SECRET, Reply, Seen, api_answering, client_of
from tests.support.messagemedia_peers import CHANGE, ID, WEBHOOK

ANSWER = Reply({"id": ID, "key_id": ID, "pageData": [], "page": 0, "pageSize": 20})
OURS: Mapping[str, Callable[[MessageMediaClient], Any]] = {
    "webhooks.create": lambda client: client.webhooks.create(**WEBHOOK),
    "webhooks.list": lambda client: client.webhooks.list(page_size=20).page(),
    "webhooks.update": lambda client: client.webhooks.update(ID, **CHANGE),
    "webhooks.delete": lambda client: client.webhooks.delete(ID),
    "signature_keys.create": lambda client: client.signature_keys.create(digest="SHA256", cipher="RSA"),
    "signature_keys.list": lambda client: client.signature_keys.list().page(),
    "signature_keys.get": lambda client: client.signature_keys.get(ID),
    "signature_keys.get_enabled": lambda client: client.signature_keys.get_enabled(),
    "signature_keys.enable": lambda client: client.signature_keys.enable(ID),
    "signature_keys.disable": lambda client: client.signature_keys.disable(),
    "signature_keys.delete": lambda client: client.signature_keys.delete(ID),
}
OTHER_TARGETS = {
    "webhooks.list": ("/v1/webhooks/messages/?page=0&pageSize=20", "/v1/webhooks/messages?page=0&page_size=20"),
    "signature_keys.list": ("/v1/iam/signature_keys", "/v1/iam/signature_keys?page=1&page_size=20"),
}


async def theirs_at(url: str) -> list[str]:
    """Let the SDKs perform everything against the server, and return the names in order."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.messagemedia_peers", url, KEY.value, SECRET.value),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(50):
        out, err = await program.communicate()
    assert program.returncode == 0, err.decode()
    return [line.removeprefix("performed ") for line in out.decode().splitlines() if line.startswith("performed ")]


def without_nulls(value: Any) -> Any:
    """Return the body without the members that are null."""
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


def check(name: str, peer: Seen, own: Seen) -> None:
    """Compare two calls, but for the known deviations."""
    assert (peer.target, own.target) == OTHER_TARGETS.get(name, (own.target, own.target)), name
    assert (peer.method, without_nulls(peer.json)) == (own.method, own.json), name
    assert peer.headers["authorization"] == own.headers["authorization"], name
    assert peer.headers.get("content-type", "").partition(";")[0] == own.headers.get("content-type", ""), name


@pytest.mark.may_block
async def test_every_operation_of_theirs_is_the_same_call_of_ours() -> None:
    """Method, path, query, credentials, media type and JSON."""
    async with api_answering(ANSWER) as api:
        names = await theirs_at(api.url)
        client = client_of(api.url, authentication="basic")
        for ours in OURS.values():
            # One answer for all calls suits no list; what counts is what was sent.
            with suppress(UnreadableAnswerError):
                await ours(client)
        await client.close()
        seen = list(api.seen)
    assert names == list(OURS)
    assert len(seen) == 2 * len(names)
    for name, peer, own in zip(names, seen, seen[len(names) :], strict=False):
        check(name, peer, own)
