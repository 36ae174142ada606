"""What the receiver refuses: with which status, counted under which word, and telling the sender nothing."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp.web import RequestHandler

from ingest.connection import Connection
from providers.contract import Verdict
from tests.support.receiver import Answer, MemoryLog, body_of, chunked, receiver, request_bytes, until
from tests.support.sample_provider import SAMPLE, SECRET, FixedVerdict, endpoint, with_policy

LONG = b"x" * 10_001


def shape(answer: Answer) -> tuple[object, ...]:
    """Return all of an answer but its date."""
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return answer.status, headers, answer.body


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.VERIFIED])
async def test_every_reason_is_refused_alike_and_counted_apart(verdict: Verdict) -> None:
    """A sender cannot learn from the answer what was wrong."""
    async with receiver(endpoints=[endpoint(verifier=FixedVerdict(verdict))]) as bench, receiver() as other:
        answer = await bench.ask(request_bytes(body_of()))
        assert shape(answer) == shape(await other.ask(request_bytes(body_of(), secret="wrong")))
        assert answer.status == 401
        assert bench.refused(verdict.value) == 1
        assert bench.memory.records == []


@pytest.mark.parametrize("account", ["other", "", "main/", "main/x", "%2Fmain", "MAIN", "main%00"])
async def test_an_unknown_account_is_not_found(account: str) -> None:
    """404, counted, and the name does not become a label."""
    async with receiver() as bench:
        assert (await bench.ask(request_bytes(body_of(), target=f"/webhooks/{account}"))).status == 404
        assert bench.refused("unknown_account", "(none)") == 1
        assert {sample.labels.get("account") for family in bench.registry.collect() for sample in family.samples} <= {
            None,
            "(none)",
        }


@pytest.mark.parametrize("target", ["/", "/webhooks", "/healthz", "/metrics", "//webhooks/main", "/Webhooks/main"])
async def test_other_paths_are_not_found(target: str) -> None:
    """The receiver serves webhooks and nothing else."""
    async with receiver() as bench:
        assert (await bench.ask(request_bytes(body_of(), target=target))).status == 404
        assert bench.refused("unknown_path", "(none)") == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
async def test_a_wrong_method_is_told_the_right_ones(method: str) -> None:
    """405 with Allow, from the policy table."""
    async with receiver() as bench:
        answer = await bench.ask(request_bytes(body_of(), method=method))
        assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")
        assert bench.refused("method_not_allowed") == 1


async def test_get_is_refused_where_the_policy_has_not_got_it() -> None:
    """The table decides, not the code."""
    post_alone = with_policy(methods=frozenset({"POST"}))
    async with receiver(endpoints=[endpoint(post_alone)]) as bench:
        assert (await bench.ask(request_bytes(method="GET", length=False))).headers["allow"] == "POST"


async def test_a_length_over_the_limit_is_refused_before_the_body() -> None:
    """Content-Length alone is enough."""
    head = request_bytes(headers=[(b"Content-Length", b"10001")], length=False)
    async with receiver() as bench:
        assert (await bench.ask(head)).status == 413
        assert bench.refused("too_large") == 1


async def test_an_absurd_length_is_refused() -> None:
    """A number of many digits is not memory."""
    head = request_bytes(headers=[(b"Content-Length", b"9" * 18)], length=False)
    async with receiver() as bench:
        assert (await bench.ask(head)).status == 413


@pytest.mark.parametrize(
    "chunks", [(LONG,), (LONG[:6000], LONG[6000:]), tuple(LONG[at : at + 1] for at in range(10_001))]
)
async def test_chunks_over_the_limit_are_refused(chunks: tuple[bytes, ...]) -> None:
    """A body that does not tell its length is counted as it comes."""
    head = request_bytes(headers=[(b"Transfer-Encoding", b"chunked")], length=False)
    async with receiver() as bench:
        assert (await bench.ask(head + chunked(*chunks))).status == 413
        assert bench.memory.records == []


async def test_chunks_without_end_are_refused_and_cut_off() -> None:
    """The connection of a sender that goes on sending is closed."""
    head = request_bytes(headers=[(b"Transfer-Encoding", b"chunked")], length=False)
    async with receiver() as bench, bench.connect() as wire:
        await wire.send(head + b"3000\r\n" + b"x" * 0x3000)
        answer = await wire.answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert await wire.closed()


async def test_a_body_at_the_limit_is_taken() -> None:
    """The limit itself is allowed, by length and by chunks."""
    body = LONG[:10_000]
    head = request_bytes(headers=[(b"Transfer-Encoding", b"chunked")], length=False)
    async with receiver() as bench:
        assert (await bench.ask(request_bytes(body))).status == 202
        assert (await bench.ask(head + chunked(body))).status == 202


async def test_a_slow_body_is_ended() -> None:
    """408 after the policy's wait, and the connection is closed."""
    async with receiver(endpoints=[endpoint(with_policy(body_wait=0.1))]) as bench, bench.connect() as wire:
        await wire.send(request_bytes(body_of())[:-3])
        answer = await wire.answer()
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert await wire.closed()
        assert bench.refused("slow_body") == 1


async def test_a_body_that_trickles_is_ended_too() -> None:
    """The wait is for the whole body, not for each piece."""
    async with receiver(endpoints=[endpoint(with_policy(body_wait=0.2))]) as bench, bench.connect() as wire:

        async def trickle() -> None:
            for byte in request_bytes(LONG[:200]):
                await wire.send(bytes([byte]))
                await asyncio.sleep(0.005)

        sending = asyncio.create_task(trickle())
        assert (await wire.answer()).status == 408
        sending.cancel()


@pytest.mark.parametrize("begun", [b"P", b"POST /webhooks/main HTTP/1.1\r\nHost: a\r\nX-Half"])
async def test_half_a_header_is_not_held_for_ever(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is closed when the rest stays away, and counted."""
    monkeypatch.setattr("ingest.connection.HEAD_WAIT", 0.1)
    async with receiver() as bench, bench.connect() as wire:
        await wire.send(begun)
        assert await wire.closed()
        assert bench.refused("slow_head", "(none)") == 1


async def test_half_a_header_that_comes_with_the_connection_is_not_held_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first bytes may be here before aiohttp's own task of the connection has begun, as on uvloop."""
    begin = asyncio.Event()

    async def late_start(connection: Connection) -> None:
        await begin.wait()
        await RequestHandler.start(connection)

    monkeypatch.setattr(Connection, "start", late_start)
    monkeypatch.setattr("ingest.connection.HEAD_WAIT", 0.1)
    async with receiver() as bench, bench.connect() as wire:
        await wire.send(b"POST /webhooks/main HTTP/1.1\r\nHo")
        await until(lambda: any(each._head_timer for each in bench.connections))
        begin.set()
        assert await wire.closed()
        assert bench.refused("slow_head", "(none)") == 1


async def test_an_idle_connection_outlives_the_wait_for_a_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender may be silent between requests for longer than within one."""
    monkeypatch.setattr("ingest.connection.HEAD_WAIT", 0.3)
    async with receiver() as bench, bench.connect() as wire:
        request = request_bytes(body_of())
        await wire.send(request[:20])
        await until(lambda: any(each._head_timer for each in bench.connections))
        await wire.send(request[20:])
        assert (await wire.answer()).status == 202
        began = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() - began > 0.4)
        await wire.send(request)
        assert (await wire.answer()).status == 202


MALFORMED = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "bad request line": b"POST\r\n\r\n",
    "unknown version": b"POST /webhooks/main HTTP/9.9\r\nHost: a\r\n\r\n",
    "no host": b"POST /webhooks/main HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "NUL in a header": request_bytes(b"", headers=[(b"X-Nul", b"a\x00b")]),
    "NUL in the path": b"POST /webhooks/ma\x00in HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "header too long": request_bytes(b"", headers=[(b"X-Long", b"x" * 9000)]),
    "path too long": request_bytes(b"", target="/webhooks/" + "x" * 70_000),
    "too many headers": request_bytes(b"", headers=[(b"X-%d" % number, b"x") for number in range(200)]),
    "header without a colon": b"POST /webhooks/main HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
    "space before the colon": b"POST /webhooks/main HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
    "length is no number": request_bytes(headers=[(b"Content-Length", b"many")], length=False),
    "length is negative": request_bytes(headers=[(b"Content-Length", b"-1")], length=False),
    "two lengths": request_bytes(b"abc", headers=[(b"Content-Length", b"4")]),
    "length and chunks": request_bytes(b"abc", headers=[(b"Transfer-Encoding", b"chunked")]),
    "bad chunk": request_bytes(headers=[(b"Transfer-Encoding", b"chunked")], length=False) + b"zz\r\nabc",
    "chunk without end": request_bytes(headers=[(b"Transfer-Encoding", b"chunked")], length=False) + b"3\r\nabcdef\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_not_http_is_answered_400(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A constant answer, the connection closed, one count, no traceback anywhere, and the next sender is served."""
    async with receiver() as bench:
        async with bench.connect() as wire:
            await wire.send(MALFORMED[name])
            answer = await wire.answer()
            assert (answer.status, answer.body) == (400, b"bad request\n")
            assert await wire.closed()
        assert bench.refused("bad_request", "(none)") == 1
        assert bench.memory.records == []
        assert caplog.records == []
        assert (await bench.ask(request_bytes(body_of()))).status == 202


async def test_chunks_that_break_on_the_way_are_answered_at_once() -> None:
    """A reader of the body does not wait for what the parser will never give."""
    async with receiver(endpoints=[endpoint(with_policy(body_wait=30.0))]) as bench, bench.connect() as wire:
        await wire.send(request_bytes(headers=[(b"Transfer-Encoding", b"chunked")], length=False) + b"3\r\nabc\r\n")
        await until(lambda: bench.value("bodies_in_flight") == 1)
        await wire.send(b"zz\r\nabc")
        assert (await wire.answer()).status == 400
        assert await wire.closed()
        assert bench.refused("bad_request") == 1
        assert bench.memory.records == []


async def test_garbage_behind_a_request_in_hand_does_not_spoil_it() -> None:
    """The good one is stored and answered, then comes the 400."""
    memory = MemoryLog(delay=0.05)
    async with receiver(memory) as bench, bench.connect() as wire:
        await wire.send(request_bytes(body_of()))
        await until(lambda: memory.appending == 1)
        await wire.send(b"\x00\x01garbage\r\n\r\n")
        assert [(await wire.answer()).status for _ in range(2)] == [202, 400]
        assert len(memory.webhooks) == 1


async def test_no_answer_tells_a_version() -> None:
    """Neither ours nor that of a library."""
    async with receiver() as bench:
        asked = [request_bytes(body_of()), request_bytes(b"", secret=None), b"nonsense\r\n\r\n"]
        assert {(await bench.ask(data)).headers["server"] for data in asked} == {"hookline"}


async def test_a_repeat_is_not_refused() -> None:
    """Byte-identical webhooks get the success status, under the same id (P13)."""
    async with receiver() as bench:
        assert [(await bench.ask(request_bytes(body_of()))).status for _ in range(2)] == [202, 202]
        assert len({webhook.id for webhook in bench.memory.webhooks}) == 1


async def test_the_success_status_is_that_of_the_table() -> None:
    """Another provider, another word of thanks."""
    provider = replace(SAMPLE, policy=replace(SAMPLE.policy, success_status=200))
    async with receiver(endpoints=[endpoint(provider)]) as bench:
        assert (await bench.ask(request_bytes(body_of(), secret=SECRET))).status == 200
