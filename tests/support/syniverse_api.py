"""Syniverse's API for tests: a server that records what it is asked, and answers as a test says."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.contract import Account, Secret
from providers.rest.transport import Tempo
from providers.syniverse.client import SyniverseClient
from tests.conftest import FakeClock

TOKEN = Secret("TOKEN-of-a-test", "env:SYNIVERSE_TOKEN")
KEY = Secret("KEY-of-a-test", "env:SYNIVERSE_KEY")
SECRET = Secret("SECRET-of-a-test", "env:SYNIVERSE_SECRET")
SECRETS = (TOKEN.value, KEY.value, SECRET.value)
SCG = "/scg-external-api/api/v1"
_EXAMPLES = Path(__file__).parents[2] / ".." / "shared" / "providers" / "syniverse" / "examples"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the server got it. `path` and `query` are as they stood, percent-encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The value of the body."""
        return json.loads(self.body)

    @property
    def parameters(self) -> dict[str, str]:
        """The query, decoded."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers: a JSON value, or bytes."""

    status: int = 200
    value: Any = None
    headers: Mapping[str, str] | None = None


Handler = Callable[[Seen], Reply]


def refusal(status: int, code: str, description: str = "No.") -> Reply:
    """Return a refusal as SCG words it."""
    return Reply(status, {"error_code": code, "error_description": description})


def listed(*items: object, total: int | None = None) -> Reply:
    """Return a page of a list."""
    return Reply(200, {"list": [*items], **({} if total is None else {"total": total})})


class FakeApi:
    """Records requests, and answers from a script, then by `handler`."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.seen: list[Seen] = []
        self.script: list[Reply] = []
        self.handler: Handler = lambda _: Reply(200, {})

    def will(self, *replies: Reply) -> None:
        """Answer the next requests so."""
        self.script += replies

    def paths(self) -> Sequence[tuple[str, str]]:
        """Return method and path of each request, without SCG's base."""
        return [(one.method, one.path.removeprefix(SCG)) for one in self.seen]

    def client(self, **options: Any) -> SyniverseClient:
        """Return a client of this server."""
        return SyniverseClient(TOKEN, base_url=self.base_url, **({"tempo": quick()} | options))

    def account(self, **settings: Any) -> Account:
        """Return an account at this server."""
        found = {"token": TOKEN, "base_url": self.base_url} | settings
        return Account(name="main", provider="syniverse", settings=found)

    def answer(self, request: Seen) -> Reply:
        """Return the answer to a request."""
        self.seen.append(request)
        return self.script.pop(0) if self.script else self.handler(request)


def quick(**options: Any) -> Tempo:
    """Return a tempo for tests: retries without a pause, a clock that stands."""
    given: dict[str, Any] = {"timeout": 5.0, "first_pause": 0.0, "clock": FakeClock()}
    return Tempo(**(given | options))


@asynccontextmanager
async def fake_api() -> AsyncGenerator[FakeApi]:
    """Serve the API."""
    holder: list[FakeApi] = []

    async def handle(request: web.Request) -> web.Response:
        path, _, query = request.raw_path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = holder[0].answer(Seen(request.method, path, query, headers, await request.read()))
        body = reply.value if isinstance(reply.value, bytes) else json.dumps(reply.value).encode()
        return web.Response(status=reply.status, body=b"" if reply.status == 204 else body, headers=reply.headers)

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{tail:.*}", handle)
    async with TestServer(app, host="127.0.0.1") as server:
        holder.append(FakeApi(str(server.make_url("")).rstrip("/")))
        yield holder[0]


def example(name: str) -> Any:
    """Return the value of an example file of the specification; skip where it is not there."""
    return json.loads(example_bytes(name))


def example_bytes(name: str) -> bytes:
    """Return an example file of the specification; skip where it is not there."""
    path = _EXAMPLES / f"{name}.json"
    if not path.is_file():
        pytest.skip("the published examples are not here")
    return path.read_bytes()
