"""A small MessageMedia with a memory: queues, the blacklist, webhooks and signature keys, as far as tests need it."""

import itertools
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.messagemedia.polls import polls
from providers.roles import Poll, PollBatch
from tests.support.messagemedia_api import account_at

_QUEUES = {"delivery_reports": "delivery_report_id", "replies": "reply_id"}
_PAGE = 100


def report(number: int) -> dict[str, Any]:
    """Return a delivery report, the older the smaller its number."""
    return {
        "delivery_report_id": f"report-{number}",
        "message_id": f"message-{number}",
        "status": "delivered",
        "source_number": "+61491570156",
        "date_received": "2026-01-01T00:00:02.000Z",
    }


@dataclass
class FakeMessageMedia:
    """What the account holds.

    `lag` is how many checks still show what was confirmed; `losing` forgets confirmations; `unknown` ids are refused
    when they are confirmed. `skipped` numbers are on the blacklist and not in the list. `keys_off` answers the key
    endpoints as for an account without the feature.
    """

    queues: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _QUEUES})
    blacklist: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    keys: list[dict[str, Any]] = field(default_factory=list)
    lag: int = 0
    losing: bool = False
    keys_off: bool = False
    unknown: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    confirmed: list[list[str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    _marked: dict[str, int] = field(default_factory=dict)
    _count: Any = field(default_factory=lambda: itertools.count(1))

    def app(self) -> web.Application:
        """Return the server."""
        app = web.Application(middlewares=[self._watch])
        hooks, keys = "/v1/webhooks/messages", "/v1/iam/signature_keys"
        black = "/v1/number_authorisation/mt/blacklist"
        for name in _QUEUES:
            app.router.add_get(f"/v1/{name}", self._check)
            app.router.add_post(f"/v1/{name}/confirmed", self._confirm)
        app.router.add_get(black, self._list_numbers)
        app.router.add_get("/v1/number_authorisation/is_authorised/{numbers}", self._tell_numbers)
        app.router.add_get(hooks, self._list_webhooks)
        app.router.add_post(hooks, self._add_webhook)
        app.router.add_patch(f"{hooks}/{{id}}", self._change_webhook)
        app.router.add_get(keys, self._list_keys)
        app.router.add_post(keys, self._add_key)
        app.router.add_patch(f"{keys}/enabled", self._enable)
        app.router.add_delete(f"{keys}/{{id}}", self._delete_key)
        return app

    @web.middleware
    async def _watch(self, request: web.Request, handler: Any) -> web.StreamResponse:
        line = f"{request.method} {request.path}"
        self.asked.append(line)
        if line in self.failing:
            return web.json_response({"message": "Something went wrong."}, status=500)
        if self.keys_off and "/iam/" in request.path:
            return web.json_response({"message": "This feature has not been enabled in your account."}, status=403)
        response: web.StreamResponse = await handler(request)
        return response

    async def _check(self, request: web.Request) -> web.Response:
        name = request.path.removeprefix("/v1/")
        waiting = self.queues[name]
        gone = {one for one, checks in self._marked.items() if checks <= 0}
        waiting[:] = [item for item in waiting if _id(name, item) not in gone]
        self._marked = {one: checks - 1 for one, checks in self._marked.items()}
        return web.json_response({name: waiting[:_PAGE]})

    async def _confirm(self, request: web.Request) -> web.Response:
        name = request.path.split("/")[2]
        ids = (await request.json())[f"{_QUEUES[name]}s"]
        if not 1 <= len(ids) <= _PAGE or self.unknown & set(ids):
            return web.json_response({"message": "Bad Request", "details": ["1 to 100 ids"]}, status=400)
        self.confirmed.append(ids)
        if not self.losing:
            self._marked |= {one: self._marked.get(one, self.lag) for one in ids}
        return web.Response(status=202, text="accepted")

    async def _list_numbers(self, request: web.Request) -> web.Response:
        start = int(request.query.get("token", "0"))
        page: dict[str, Any] = {"uri": str(request.rel_url), "numbers": self.blacklist[start : start + _PAGE]}
        if start + _PAGE < len(self.blacklist):
            page["pagination"] = {"page": str(start + _PAGE), "next_uri": f"?token={start + _PAGE}"}
        return web.json_response(page)

    async def _tell_numbers(self, request: web.Request) -> web.Response:
        numbers = request.match_info["numbers"].split(",")
        barred = {*self.blacklist, *self.skipped}
        return web.json_response(
            {"uri": request.path, "numbers": [{"number": one, "authorised": one not in barred} for one in numbers]}
        )

    async def _list_webhooks(self, request: web.Request) -> web.Response:
        page, size = int(request.query["page"]), int(request.query["page_size"])
        found = self.webhooks[page * size : (page + 1) * size]
        return web.json_response({"page": page, "pageSize": size, "pageData": found})

    async def _add_webhook(self, request: web.Request) -> web.Response:
        given = await request.json()
        if any((one["url"], one["method"]) == (given["url"], given["method"]) for one in self.webhooks):
            return web.json_response({"message": "A webhook with the given url and method already exists."}, status=409)
        made = {"id": f"webhook-{next(self._count)}", "headers": {}, "retries": 0, **given}
        self.webhooks.append(made)
        return web.json_response(made, status=201)

    async def _change_webhook(self, request: web.Request) -> web.Response:
        given = await request.json()
        found = next(one for one in self.webhooks if one["id"] == request.match_info["id"])
        assert not given.keys() & {"retries", "retry_delay", "read_timeout"}
        found.update(given)
        return web.json_response(found)

    async def _list_keys(self, _request: web.Request) -> web.Response:
        newest_first = [{k: v for k, v in key.items() if k != "public_key"} for key in reversed(self.keys)]
        return web.json_response(newest_first)

    async def _add_key(self, request: web.Request) -> web.Response:
        place = next(self._count)
        made = {
            "key_id": f"key-{place}",
            "public_key": f"MIG{place}",
            "created": f"2026-01-{place:02}T00:00:00.000Z",
            "enabled": False,
            **json.loads(await request.text()),
        }
        self.keys.append(made)
        return web.json_response(made, status=201)

    async def _enable(self, request: web.Request) -> web.Response:
        wanted = (await request.json())["key_id"]
        for key in self.keys:
            key["enabled"] = key["key_id"] == wanted
        return web.json_response({"key_id": wanted, "enabled": True})

    async def _delete_key(self, request: web.Request) -> web.Response:
        self.keys = [key for key in self.keys if key["key_id"] != request.match_info["id"]]
        return web.Response()


def _id(name: str, item: Any) -> str:
    found: str = item.get(_QUEUES[name], "") if isinstance(item, dict) else ""
    return found


@asynccontextmanager
async def fake_messagemedia(**state: Any) -> AsyncGenerator[FakeMessageMedia]:
    """Serve an account with that state."""
    fake = FakeMessageMedia(**state)
    async with TestServer(fake.app(), host="127.0.0.1") as server:
        fake.url = str(server.make_url("/")).rstrip("/")
        yield fake


@asynccontextmanager
async def polling(name: str, **state: Any) -> AsyncGenerator[tuple[FakeMessageMedia, Poll]]:
    """Give an account with that state, and one poll of it."""
    async with fake_messagemedia(**state) as fake:
        (poll,) = polls(account_at(fake.url, polls=(name,), poll_every=30.0))
        try:
            yield fake, poll
        finally:
            await poll.close()


async def until_empty(poll: Poll, most: int = 50) -> Sequence[PollBatch]:
    """Check and store as long as the poll asks to be asked again at once, and return all batches."""
    batches = []
    for _ in range(most):
        batch = await poll.check()
        batches.append(batch)
        await poll.stored(batch)
        if batch.again_after is None:
            return batches
    raise AssertionError("never empty")
