"""One call: what goes out, its deadline, its repeats, its credentials."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp.test_utils import unused_port

from providers.rest import transport as transports
from providers.rest.errors import (
    ApiError,
    AuthenticationError,
    DeadlineError,
    NotConnectedError,
    OutcomeUnknownError,
    ProviderFaultError,
    RateLimitedError,
    RefusedError,
    UnreadableAnswerError,
)
from providers.rest.transport import Call, Tempo, Transport
from schemas.events import ProviderError
from tests.support.rest_server import Reply, RestServer, rest_server

OK = Reply({"ok": True})
GET = Call(name="read", method="GET", path="/things", repeatable=True)
POST = Call(name="write", method="POST", path="/things", body=b'{"a": 1}')
KEYED = Call(name="keyed", method="POST", path="/things", body=b"{}", headers={"Idempotency-Key": "k"}, repeatable=True)
DROPPED = Reply(drop=True)
IN_DOUBT = (DROPPED, Reply(status=500), Reply(status=502), Reply(status=503), Reply(status=504), Reply(status=408))
NOT_BEGUN = (
    Reply(status=429),
    Reply(status=425),
    Reply(status=429, headers={"retry-after": "0"}),
    Reply(status=503, headers={"retry-after": "0"}),
)


def named(reply: Reply) -> str:
    """Return a name of an answer for the list of tests."""
    return "dropped" if reply.drop else f"{reply.status}{'+' if reply.headers else ''}"


class Token:
    """Credentials that can be renewed a given number of times."""

    def __init__(self, renewals: int = 0) -> None:
        self.renewals = renewals
        self.token = 0
        self.targets: list[str] = []
        self.refused: list[tuple[int, Mapping[str, str]]] = []

    async def headers(self, call: Call, target: str) -> Mapping[str, str]:
        """Prove a call with the token of now."""
        self.targets.append(f"{call.method} {target}")
        return {"Authorization": f"Bearer {self.token}"}

    async def renew(self, refusal: RefusedError, sent: Mapping[str, str]) -> bool:
        """Renew after 401, as often as there are renewals."""
        self.refused.append((refusal.status, dict(sent)))
        if refusal.status != 401 or self.renewals == 0:
            return False
        self.renewals -= 1
        self.token += 1
        return True


def code_of(body: bytes) -> tuple[ProviderError, ...]:
    """Return the body as the code of one error."""
    return (ProviderError(code=body.decode()),) if body else ()


@asynccontextmanager
async def calling(
    *replies: Reply,
    credentials: Token | None = None,
    prefix: str = "/v1",
    final_codes: tuple[str, ...] = (),
    **tempo: Any,
) -> AsyncGenerator[tuple[Transport, RestServer]]:
    """Play answers and give a transport that waits no longer than it must."""
    async with rest_server(*replies, prefix=prefix) as server:
        patience = Tempo(**{"timeout": 5.0, "first_pause": 0.001, **tempo})
        found = Transport(f"{server.url}/", credentials or Token(), code_of, patience, final_codes)
        try:
            yield found, server
        finally:
            await found.close()


def sleeping() -> tuple[list[float], Callable[[float], Awaitable[None]]]:
    """Return a sleep that takes no time, and the seconds that it was asked for."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    return slept, sleep


async def test_what_goes_out() -> None:
    """Method, base path, path, query, headers and body go out as the call says."""
    call = Call(
        name="x",
        method="PATCH",
        path="/a%2Fb",
        query=(("q[x]", "1 +&"), ("q[x]", "é\ud83d")),
        body=b"{}",
        headers={"X-Own": "o"},
    )
    async with calling(OK) as (transport, server):
        answer = await transport.call(call)
    request = server.last
    assert (answer.status, answer.json()) == (200, {"ok": True})
    assert (request.method, request.path, request.body) == ("PATCH", "/v1/a%2Fb", b"{}")
    assert request.query == (("q[x]", "1 +&"), ("q[x]", "é?"))
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer 0"
    assert (request.headers["x-own"], request.headers["user-agent"]) == ("o", "hookline")


async def test_no_body_no_type() -> None:
    """A call without a body has no content type, and its own headers win over ours."""
    async with calling(OK, OK) as (transport, server):
        await transport.call(GET)
        await transport.call(Call(name="x", method="GET", path="/", headers={"Accept": "image/png"}))
    assert "content-type" not in server.requests[0].headers
    assert server.requests[1].headers["accept"] == "image/png"


async def test_proof_is_made_of_the_whole_target() -> None:
    """Credentials see the path with the base URL's own, and the query."""
    token = Token()
    async with calling(OK, credentials=token) as (transport, _):
        await transport.call(Call(name="x", method="GET", path="/a", query=(("b", "c d"),)))
    assert token.targets == ["GET /v1/a?b=c%20d"]


async def test_call_with_a_base_url_of_its_own() -> None:
    """A call may go to another host, such as that of files."""
    async with calling() as (transport, server), rest_server(OK, prefix="/files") as other:
        await transport.call(Call(name="x", method="GET", path="/1", base_url=other.url))
    assert (len(server.requests), other.last.path) == (0, "/files/1")


@pytest.mark.parametrize("reply", IN_DOUBT, ids=named)
@pytest.mark.parametrize("call", [GET, KEYED], ids=["read", "keyed"])
async def test_repeatable_call_is_made_again(call: Call, reply: Reply) -> None:
    """What has the effect of once is made again where its end is not known, as the same bytes."""
    async with calling(reply, OK) as (transport, server):
        await transport.call(call)
    first, second = server.requests
    assert (first.body, first.headers.get("idempotency-key")) == (second.body, second.headers.get("idempotency-key"))


@pytest.mark.parametrize("reply", IN_DOUBT, ids=named)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
async def test_other_call_is_made_once(method: str, reply: Reply) -> None:
    """What might have been done is not done again, whatever HTTP says of its method."""
    async with calling(reply, OK) as (transport, server):
        with pytest.raises(ApiError):
            await transport.call(Call(name="x", method=method, path="/", body=None if method == "GET" else b"{}"))
    assert len(server.requests) == 1


@pytest.mark.parametrize("reply", NOT_BEGUN, ids=named)
async def test_call_that_was_not_begun_is_made_again(reply: Reply) -> None:
    """Too early, too many and a service that names its return have done nothing."""
    async with calling(reply, OK) as (transport, server):
        await transport.call(POST)
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 409, 410, 422])
async def test_refusal_is_final(status: int) -> None:
    """A plain refusal is not asked again, and a redirect is none that is followed."""
    async with calling(Reply(b"", status, {"location": "/v1/elsewhere"}), OK) as (transport, server):
        with pytest.raises(RefusedError) as caught:
            await transport.call(GET)
    assert (caught.value.status, len(server.requests)) == (status, 1)


async def test_final_code_ends_the_tries() -> None:
    """A code that no waiting mends is not waited for."""
    async with calling(Reply(b"spent", 429), Reply(b"many", 429), OK, final_codes=("spent",)) as (transport, server):
        with pytest.raises(RateLimitedError) as caught:
            await transport.call(GET)
        assert (caught.value.code, len(server.requests)) == ("spent", 1)
        await transport.call(GET)
    assert len(server.requests) == 3


async def test_retries_are_counted() -> None:
    """After the first try there are as many as said, and then the last error is raised."""
    async with calling(*[Reply(status=500)] * 4, OK, retries=3) as (transport, server):
        with pytest.raises(ProviderFaultError):
            await transport.call(GET)
    assert len(server.requests) == 4


async def test_no_retries() -> None:
    """With 0 retries there is one try."""
    async with calling(Reply(status=429), OK, retries=0) as (transport, server):
        with pytest.raises(RateLimitedError):
            await transport.call(GET)
    assert len(server.requests) == 1


async def test_pause_is_the_one_that_is_asked() -> None:
    """`Retry-After` is waited for; without it the pauses grow, and vary."""
    slept, sleep = sleeping()
    asked, plain = Reply(status=429, headers={"retry-after": "7"}), Reply(status=500)
    async with calling(asked, plain, plain, OK, retries=3, first_pause=1.0, sleep=sleep) as (transport, _):
        await transport.call(GET)
    assert slept[0] == 7.0
    assert 1.0 <= slept[1] <= 2.0
    assert 2.0 <= slept[2] <= 4.0


async def test_date_is_waited_for_by_our_clock() -> None:
    """A `Retry-After` that is a date is counted from the clock that was given."""
    slept, sleep = sleeping()
    asked = Reply(status=503, headers={"retry-after": "Thu, 01 Jan 2026 00:00:09 GMT"})
    async with calling(asked, OK, clock=lambda: 1_767_225_600.0, sleep=sleep) as (transport, _):
        await transport.call(POST)
    assert slept == [9.0]


async def test_long_pause_is_left_to_the_caller() -> None:
    """Nobody waits minutes inside a call; the error says how long it would be."""
    async with calling(Reply(status=429, headers={"retry-after": "31"}), OK) as (transport, server):
        with pytest.raises(RateLimitedError) as caught:
            await transport.call(GET)
    assert (caught.value.retry_after, len(server.requests)) == (31.0, 1)


async def test_deadline_holds_for_each_try() -> None:
    """A server that never answers costs the timeout, and a read is asked again."""
    async with calling(Reply(hang=True), OK, timeout=0.2) as (transport, server):
        assert (await transport.call(GET)).status == 200
        server.plays(Reply(hang=True))
        with pytest.raises(DeadlineError, match=r"write: no answer within 0\.2 s"):
            await transport.call(POST)
    assert len(server.requests) == 3


async def test_half_an_answer_in_time() -> None:
    """A body that trickles on beyond the deadline is no answer."""

    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        await done.wait()
        writer.close()

    done = asyncio.Event()
    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport = Transport(f"http://127.0.0.1:{port}", Token(), code_of, Tempo(timeout=0.2))
    with pytest.raises(DeadlineError):
        await transport.call(POST)
    done.set()
    await transport.close()
    server.close()
    await server.wait_closed()


async def test_broken_connection_is_an_unknown_outcome() -> None:
    """The error names the operation and what broke, and nothing else."""
    async with calling(DROPPED) as (transport, _):
        with pytest.raises(OutcomeUnknownError, match=r"write: the connection broke \(ServerDisconnectedError\)"):
            await transport.call(POST)


async def test_no_connection_is_tried_again() -> None:
    """Nothing was sent, so a write is tried again too, and then it says so."""
    token = Token()
    transport = Transport(f"http://127.0.0.1:{unused_port()}", token, code_of, Tempo(first_pause=0.001))
    with pytest.raises(NotConnectedError, match="write: no connection"):
        await transport.call(POST)
    await transport.close()
    assert len(token.targets) == 3


async def test_url_that_leads_nowhere() -> None:
    """A URL that aiohttp will not take is a call that was not sent."""
    transport = Transport("nonsense", Token(), code_of, Tempo(retries=0))
    with pytest.raises(NotConnectedError):
        await transport.call(POST)
    await transport.close()


async def test_renewed_credentials_give_one_more_try() -> None:
    """After 401 the credentials are renewed once, and the call is made with the new ones; a write too."""
    token = Token(renewals=5)
    async with calling(Reply(status=401), OK, credentials=token) as (transport, server):
        await transport.call(POST)
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer 0", "Bearer 1"]
    assert token.refused == [(401, {"Authorization": "Bearer 0"})]


async def test_renewed_once() -> None:
    """Credentials that are refused again are refused."""
    token = Token(renewals=5)
    async with calling(Reply(status=401), Reply(status=401), OK, credentials=token) as (transport, server):
        with pytest.raises(AuthenticationError):
            await transport.call(GET)
    assert (len(server.requests), token.renewals) == (2, 4)


async def test_renewal_costs_no_retry() -> None:
    """The retries are left for what comes after the renewal."""
    replies = Reply(status=401), Reply(status=500), Reply(status=500), OK
    async with calling(*replies, credentials=Token(renewals=1), retries=2) as (transport, server):
        await transport.call(GET)
    assert len(server.requests) == 4


async def test_exchange_is_one_try_and_any_status() -> None:
    """An exchange gives the answer as it is, with header names in lower case, and tells what proved us."""
    sent: dict[str, str] = {}
    async with calling(Reply(b"no", 500, {"X-Odd": "Y"}), OK) as (transport, server):
        answer = await transport.exchange(GET, sent)
    assert (answer.status, answer.body, answer.headers["x-odd"]) == (500, b"no", "Y")
    assert (sent, len(server.requests)) == ({"Authorization": "Bearer 0"}, 1)


async def test_answer_is_read_up_to_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body without end does not fill the memory: what is read is cut, and told as too large."""
    monkeypatch.setattr(transports, "ANSWER_LIMIT", 1000)
    endless = Reply({"a": "b" * 10_000_000})
    async with calling(endless, endless) as (transport, _):
        answer = await transport.exchange(GET)
        with pytest.raises(UnreadableAnswerError, match="too large"):
            await transport.call(GET)
    assert len(answer.body) <= 1000 + 256 * 1024
    assert answer.json() is None


async def test_cookies_are_not_kept() -> None:
    """What one answer sets does not go along with the next call."""
    async with calling(Reply({}, headers={"set-cookie": "a=b; Path=/"}), OK) as (transport, server):
        await transport.call(GET)
        await transport.call(GET)
    assert "cookie" not in server.last.headers


async def test_close_without_a_call() -> None:
    """A transport may be closed unused, twice, and opens again with the next call."""
    async with calling(OK) as (transport, _):
        await transport.close()
        await transport.close()
        assert (await transport.call(GET)).status == 200


async def test_nothing_secret_shows() -> None:
    """A call's body is not in its repr."""
    assert "secret" not in repr(Call(name="x", method="POST", path="/", body=b"secret"))
