"""Any bytes at all: never an exception, never a 5xx while the log is well, never a byte changed."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.capture import CREDENTIALS, kept_headers, read_headers, traceparent_of
from providers.redaction import kept_target
from tests.support.receiver import Answer, MemoryLog, receiver, request_bytes
from tests.support.sample_provider import SECRET

TOKENS = st.from_regex(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}", fullmatch=True)
VALUES = st.binary(max_size=60)
TAKEN = {b"content-length", b"transfer-encoding", b"host", b"expect", b"upgrade", b"connection", b"x-sample-secret"}
FINE_VALUES = st.binary(max_size=40).map(
    lambda value: bytes(byte for byte in value if byte >= 32 and byte != 127).strip()
)
FIELDS = st.lists(st.tuples(TOKENS.filter(lambda name: name.lower() not in TAKEN), FINE_VALUES), max_size=5)
SECRET_NAMES = st.frozensets(st.text(st.characters(exclude_categories=["Cs"])).map(str.lower), max_size=3)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run one example on a loop of its own."""
    asyncio.run(main)


async def statuses(data: bytes) -> list[Answer]:
    """Send bytes, end, and return the answers; a closed connection is an answer too."""
    memory = MemoryLog()
    async with receiver(memory) as bench, bench.connect() as wire:
        await wire.send(data + b"\r\n\r\n")
        answers: list[Answer] = []
        try:
            while len(answers) < 3:
                async with asyncio.timeout(0.2):
                    answers.append(await wire.answer())
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionResetError):
            pass
        assert (await bench.ask(request_bytes(b"after"))).status == 202
    return answers


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=11_000), fields=FIELDS)
def test_a_proved_body_is_stored_as_sent(body: bytes, fields: list[tuple[bytes, bytes]]) -> None:
    """Success within the limit, 413 over it; the raw record has the bytes and the headers that were sent."""

    async def main() -> None:
        memory = MemoryLog()
        async with receiver(memory) as bench:
            answer = await bench.ask(request_bytes(body, headers=fields))
            assert answer.status in {202, 413, 400}
            if answer.status == 202:
                assert [webhook.body for webhook in memory.webhooks] == [body]
                kept = memory.webhooks[0].headers
                sent = [(name.lower().decode(), value.decode("utf-8", "surrogateescape")) for name, value in fields]
                assert [field for field in kept if field[0] not in {"host", "content-length"}] == [
                    field for field in sent if field[0] not in CREDENTIALS
                ]
            else:
                assert memory.records == []

    run(main())


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=300), fields=st.lists(st.tuples(TOKENS, VALUES), max_size=5))
def test_an_unproved_request_is_never_stored_and_never_our_fault(
    body: bytes, fields: list[tuple[bytes, bytes]]
) -> None:
    """Whatever the headers are, it is a 4xx or a closed connection."""
    request = request_bytes(body, secret=None, headers=[(n, v) for n, v in fields if n.lower() != b"x-sample-secret"])
    assert SECRET.encode() not in request

    async def main() -> None:
        for answer in await statuses(request):
            assert answer.status in {100, 400, 401, 404, 405, 408, 413}

    run(main())


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300))
def test_random_bytes_do_no_harm(data: bytes) -> None:
    """What is not HTTP is a 400 or a closed connection, and the next sender is served."""

    async def main() -> None:
        for answer in await statuses(data):
            assert answer.status == 400

    run(main())


@given(target=st.text(max_size=60).filter(lambda target: "://" not in target), secret=SECRET_NAMES)
def test_redaction_keeps_the_path_and_the_number_of_parameters(target: str, secret: frozenset[str]) -> None:
    """It raises for nothing, and done twice it changes nothing more."""
    kept = kept_target(target, secret)
    assert kept.partition("?")[0] == target.partition("?")[0]
    assert kept.count("&") == target.count("&")
    assert kept_target(kept, secret) == kept


@given(raw=st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=20)), max_size=6))
def test_headers_can_be_read_whatever_their_bytes(raw: list[tuple[bytes, bytes]]) -> None:
    """Every byte of a value comes back from its text."""
    headers = read_headers(raw)
    assert [value.encode("utf-8", "surrogateescape") for _, value in headers] == [value for _, value in raw]
    assert kept_headers(headers, frozenset()) == headers
    assert traceparent_of(headers) is None
