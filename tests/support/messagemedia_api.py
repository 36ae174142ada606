"""A server on the loopback in MessageMedia's place: it keeps what it was asked, and answers what it is told to."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.contract import Account, Secret
from providers.messagemedia.client import MessageMediaClient
from providers.rest.transport import Tempo

KEY = Secret("API_KEY_12345678", "env:MESSAGEMEDIA_API_KEY")
SECRET = Secret("API_SECRET_12345678", "env:MESSAGEMEDIA_API_SECRET")
BASIC = "Basic QVBJX0tFWV8xMjM0NTY3ODpBUElfU0VDUkVUXzEyMzQ1Njc4"
FIXTURES = Path(__file__).parents[1] / "fixtures" / "messagemedia"
_EXAMPLES = Path(__file__).parents[2] / ".." / "shared" / "providers" / "messagemedia" / "examples"


def example(name: str) -> Any:
    """Return the JSON of an example that others published, or skip the test where they are not at hand."""
    path = _EXAMPLES / f"{name}.json"
    if not path.exists():
        pytest.skip("the providers' published examples are not beside this repository")
    return json.loads(path.read_text())


@dataclass(frozen=True)
class Seen:
    """One request as it came. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The value of its body, None where it has none."""
        return json.loads(self.body) if self.body else None

    @property
    def line(self) -> tuple[str, str, Any]:
        """What a contract is about: method, target and the value of the body."""
        return self.method, self.target, self.json


@dataclass(frozen=True)
class Reply:
    """What to answer: bytes as they are, anything else as JSON, None as no body at all."""

    value: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        """Return the answer."""
        body = self.value if isinstance(self.value, bytes) else json.dumps(self.value).encode()
        return web.Response(
            status=self.status,
            body=None if self.value is None else body,
            headers={"Content-Type": "application/json", **self.headers},
        )


@dataclass
class Api:
    """The server: `replies` are given one after another, the last one again and again; `seen` is what was asked."""

    replies: list[Reply]
    seen: list[Seen] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Keep a request and answer it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.method, request.raw_path, headers, await request.read()))
        return self.replies[min(len(self.seen), len(self.replies)) - 1].response()

    @property
    def only(self) -> Seen:
        """The one request that was made."""
        (seen,) = self.seen
        return seen


@asynccontextmanager
async def api_answering(*replies: Reply) -> AsyncGenerator[Api]:
    """Serve those answers."""
    api = Api(list(replies) or [Reply({})])
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    async with TestServer(app, host="127.0.0.1") as server:
        api.url = str(server.make_url("/")).rstrip("/")
        yield api


def client_of(url: str, *, tempo: Tempo | None = None, **options: Any) -> MessageMediaClient:
    """Return a client for that server, which does not wait before it tries again."""
    return MessageMediaClient(KEY, SECRET, url, tempo=tempo or Tempo(timeout=5.0, first_pause=0.0), **options)


def account_at(url: str, **settings: Any) -> Account:
    """Return an account that calls that server."""
    own = {"api_key": KEY, "api_secret": SECRET, "base_url": url}
    return Account(name="mm", provider="messagemedia", settings={**own, **settings})
