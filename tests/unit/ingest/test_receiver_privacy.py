"""What people wrote, and their numbers, are in the log of records and nowhere else."""

import logging

import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from ingest.server import Endpoint
from tests.support.receiver import MemoryLog, Mood, body_of, receiver, request_bytes
from tests.support.sample_provider import NUMBER, SECRET, TEXT, BrokenVerifier, endpoint

SITUATIONS: dict[str, tuple[MemoryLog, Endpoint, bytes, int]] = {
    "stored": (MemoryLog(), endpoint(), request_bytes(body_of(NUMBER)), 202),
    "refused": (MemoryLog(), endpoint(), request_bytes(body_of(NUMBER), secret=SECRET + "x"), 401),
    "log away": (MemoryLog(Mood.AWAY), endpoint(), request_bytes(body_of(NUMBER)), 503),
    "log broken": (MemoryLog(Mood.BROKEN), endpoint(), request_bytes(body_of(NUMBER)), 503),
    "raw refused": (MemoryLog(refuses=lambda _: True), endpoint(), request_bytes(body_of(NUMBER)), 503),
    "verifier broken": (MemoryLog(), endpoint(verifier=BrokenVerifier()), request_bytes(body_of(NUMBER)), 503),
    "not found": (MemoryLog(), endpoint(), request_bytes(body_of(), target=f"/webhooks/{NUMBER}"), 404),
    "malformed": (MemoryLog(), endpoint(), f"POST {NUMBER} {TEXT} {SECRET}\r\n\r\n".encode(), 400),
}


@pytest.mark.parametrize("name", SITUATIONS)
async def test_no_log_line_and_no_figure_quotes_a_message(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """At most one line a webhook beside those about bugs; no number, text or secret in any of them."""
    memory, served, request, status = SITUATIONS[name]
    caplog.set_level(logging.DEBUG)
    with capture_logs() as lines:
        async with receiver(memory, [served]) as bench:
            answer = await bench.ask(request)
            figures = generate_latest(bench.registry).decode()
    assert answer.status == status
    seen = repr(lines) + caplog.text + figures + repr(answer)
    assert [word for word in (NUMBER, NUMBER[1:], TEXT, SECRET) if word in seen] == []
    assert lines
    assert len([line for line in lines if line["log_level"] == "info"]) <= 1


async def test_a_stored_webhook_is_one_line() -> None:
    """With the ids that lead to the record."""
    with capture_logs() as lines:
        async with receiver() as bench:
            await bench.ask(request_bytes(body_of("+1", "+2")))
    (line,) = lines
    assert line["event"] == "webhook_stored"
    assert line["webhook_id"] == bench.memory.webhooks[0].id
    assert line["account"] == "main"
    assert line["ms"] >= 0


async def test_a_refusal_is_one_line_with_its_reason() -> None:
    """And with an id of its own."""
    with capture_logs() as lines:
        async with receiver() as bench:
            await bench.ask(request_bytes(body_of(), secret="wrong"))
    (refused,) = lines
    assert (refused["event"], refused["account"], refused["reason"]) == (
        "webhook_refused",
        "main",
        "signature_mismatch",
    )
    assert refused["request_id"]
