"""Any bytes over a socket, at every provider: an answer or an end in time, no fault of ours, only the proved stored."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.cases import CASES
from tests.support.fuzzing import CORPUS, attack, everybody, examples, genuine, keep
from tests.support.receiver import Bench

pytestmark = pytest.mark.may_block  # found cases are read and written as files

FILES = sorted(CORPUS.glob("*.raw"))
REFUSALS = {100, 400, 401, 404, 405, 408, 413}
SPICES = [
    *(b"\r\n", b"\n", b"\r", b"\x00", b": ", b" ", b"\t", b"\xff", b"%00", b"0\r\n\r\n", b"\r\n\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Content-Length: 99999\r\n", b"Host: b\r\n"),
    *(b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n"),
    *(b"Content-Encoding: gzip\r\n", b"X: a\r\n b\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"9" * 400),
]
NOISE = st.binary(max_size=12) | st.sampled_from(SPICES)


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """Give a provider and a genuine request of it, changed in up to four places and sent in up to four pieces."""
    name = draw(st.sampled_from(sorted(CASES)))
    data = genuine(name)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + draw(st.sampled_from([0, 1, 5, 400])))))
        again = data[start:end] if draw(st.booleans()) else b""
        data = data[:start] + draw(NOISE) + again + data[end:]
    data = data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 4)) == 0 else data
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    return name, [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@st.composite
def chunks_of(draw: st.DrawFn) -> tuple[str, bytes, bytes]:
    """Give a provider, its genuine body, and the genuine request with that body in chunks."""
    name = draw(st.sampled_from(sorted(CASES)))
    head, _, body = genuine(name).partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    cuts = sorted(set(draw(st.lists(st.integers(1, max(1, len(body) - 1)), max_size=5))))
    parts = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True) if a != b]
    extension = draw(st.sampled_from([b"", b";a", b";a=b", b';a="b"']))
    framed = b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts) + b"0\r\n\r\n"
    return name, body, b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", framed])


async def held(bench: Bench, pieces: list[bytes], allowed: set[int]) -> None:
    """Send it, and hold what must hold for any bytes."""
    try:
        found = await attack(bench, pieces)
        assert set(found.statuses) <= allowed
        stored = len(bench.memory.webhooks)
        for name, case in CASES.items():
            answer = await bench.ask(genuine(name))
            assert answer.status == case.provider.policy.success_status
        assert len(bench.memory.webhooks) == stored + len(CASES)
    except BaseException:
        keep(pieces)
        raise


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run one example on a loop of its own."""
    asyncio.run(main)


def bounded(usual: int) -> settings:
    """Return the settings of a test that opens sockets."""
    return settings(max_examples=examples(usual), suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_kept_case_does_no_harm(path: Path) -> None:
    """Every found case, and the nastiest that we know; what is not HTTP ends with one 400."""
    data = path.read_bytes()

    async def main() -> None:
        async with everybody() as bench:
            found = await attack(bench, [data])
            assert set(found.statuses) <= REFUSALS
            assert bench.memory.records == []
            if path.name.startswith("400-"):
                assert (found.statuses, found.closed) == ((400,), True)
            for name in CASES:
                assert (await bench.ask(genuine(name))).status < 300

    run(main())


@bounded(25)
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=3))
def test_arbitrary_bytes_do_no_harm(pieces: list[bytes]) -> None:
    """What is no HTTP at all."""

    async def main() -> None:
        async with everybody() as bench:
            await held(bench, pieces, REFUSALS)

    run(main())


@bounded(60)
@given(spoiled())
def test_a_spoiled_genuine_request_does_no_harm(case: tuple[str, list[bytes]]) -> None:
    """It is stored only with the body that was proved, or refused; success is said of nothing that is not stored."""
    name, pieces = case

    async def main() -> None:
        async with everybody() as bench:
            success = CASES[name].provider.policy.success_status
            await held(bench, pieces, REFUSALS | {success})
            first = [webhook for webhook in bench.memory.webhooks[: -len(CASES)] if CASES[name].ways[0].covers_body]
            assert {webhook.body for webhook in first} <= {genuine(name).partition(b"\r\n\r\n")[2]}

    run(main())


@bounded(20)
@given(chunks_of())
def test_chunks_are_undone_exactly(case: tuple[str, bytes, bytes]) -> None:
    """However a proxy cuts a body, the proved bytes are what is stored."""
    name, body, request = case

    async def main() -> None:
        async with everybody() as bench:
            assert (await bench.ask(request)).status == CASES[name].provider.policy.success_status
            assert [webhook.body for webhook in bench.memory.webhooks] == [body]

    run(main())
