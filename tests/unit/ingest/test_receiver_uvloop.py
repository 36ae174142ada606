"""The loop that a real process has: its transports are of no class of asyncio's, and our connections lean on them."""

import asyncio
from pathlib import Path

import pytest

from hookline.process.ending import loop_factory
from tests.support.certificates import trusting, write_pair
from tests.support.receiver import Wire, body_of, receiver, request_bytes


@pytest.mark.may_block
@pytest.mark.parametrize("encrypted", [False, True])
def test_half_a_header_behind_a_webhook_ends_on_the_loop_of_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, encrypted: bool
) -> None:
    """Plain and by TLS: the webhook is stored and answered, the connection ends in time."""
    monkeypatch.setattr("ingest.connection.HEAD_WAIT", 0.1)
    certificate, key = write_pair(tmp_path, "hooks")
    paths = (str(certificate), str(key)) if encrypted else (None, None)
    client = trusting(certificate.read_bytes()) if encrypted else None

    async def main() -> None:
        async with receiver(tls_certfile=paths[0], tls_keyfile=paths[1]) as bench:
            reader, writer = await asyncio.open_connection(*bench.server.address, ssl=client)
            wire = Wire(reader, writer)
            await wire.send(request_bytes(body_of()) + b"POST /webh")
            assert (await wire.answer()).status == 202
            assert await wire.closed()
            writer.close()
            assert bench.refused("slow_head", "(none)") == 1
            await bench.server.close()

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main())
