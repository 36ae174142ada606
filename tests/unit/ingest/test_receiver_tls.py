"""TLS of the receiver's own: what it speaks, what it says of wrong files, and how a renewed certificate is taken up."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ingest.server import ListenError
from ingest.tls import Tls, TlsFiles
from tests.support.certificates import trusting, write_pair
from tests.support.receiver import Bench, Wire, body_of, receiver, request_bytes, until

pytestmark = pytest.mark.may_block  # the tests write files


def files(folder: Path, **options: Any) -> dict[str, Any]:
    """Return the settings of a new certificate."""
    certificate, key = write_pair(folder, "hooks", **options)
    return {"tls_certfile": str(certificate), "tls_keyfile": str(key)}


async def ask(bench: Bench, context: ssl.SSLContext) -> tuple[int, str]:
    """Send a genuine webhook; return the answer's status and the version of TLS."""
    reader, writer = await asyncio.open_connection(*bench.server.address, ssl=context)
    wire = Wire(reader, writer)
    await wire.send(request_bytes(body_of()))
    status = (await wire.answer()).status
    version = writer.get_extra_info("ssl_object").version()
    writer.close()
    await writer.wait_closed()
    return status, version


def watched(bench: Bench) -> Tls:
    """Return the TLS of a receiver."""
    tls = bench.server._tls
    assert tls is not None
    return tls


async def test_a_webhook_comes_by_tls(tmp_path: Path) -> None:
    """It is stored, and the newest version is spoken."""
    settings = files(tmp_path)
    async with receiver(**settings) as bench:
        assert await ask(bench, trusting((tmp_path / "cert.pem").read_bytes())) == (202, "TLSv1.3")
        assert len(bench.memory.webhooks) == 1
        await bench.server.close()


async def test_what_is_older_than_1_2_is_refused(tmp_path: Path) -> None:
    """The context says so; nobody builds clients for the old versions any more."""
    settings = files(tmp_path)
    context, _ = TlsFiles(settings["tls_certfile"], settings["tls_keyfile"]).load()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_a_renewed_certificate_is_taken_up_without_a_restart(tmp_path: Path) -> None:
    """New connections see the new one, and only it."""
    settings = files(tmp_path)
    old = trusting((tmp_path / "cert.pem").read_bytes())
    async with receiver(**settings) as bench:
        assert (await ask(bench, old))[0] == 202
        write_pair(tmp_path, "renewed")
        await watched(bench).look()
        assert (await ask(bench, trusting((tmp_path / "cert.pem").read_bytes())))[0] == 202
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(bench, old)
        await bench.server.close()


async def test_the_files_are_looked_at_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to tell the receiver, and the task ends with it."""
    monkeypatch.setattr("ingest.tls.LOOK_EVERY", 0.02)
    settings = files(tmp_path)
    with capture_logs() as lines:
        async with receiver(**settings) as bench:
            write_pair(tmp_path, "renewed")
            await until(lambda: any(line["event"] == "tls_certificate_renewed" for line in lines))
            await bench.server.close()
            watching = watched(bench)._watching
            assert watching is not None
            assert watching.done()


async def test_half_a_renewal_leaves_the_old_pair_in_use(tmp_path: Path) -> None:
    """A certificate whose key is not there yet is told, and taken up when it is."""
    settings = files(tmp_path)
    before = (tmp_path / "cert.pem").read_bytes()
    key = (tmp_path / "key.pem").read_bytes()
    async with receiver(**settings) as bench:
        write_pair(tmp_path, "renewed")
        renewed = (tmp_path / "key.pem").read_bytes()
        (tmp_path / "key.pem").write_bytes(key)
        with capture_logs() as lines:
            await watched(bench).look()
        assert [line["event"] for line in lines] == ["tls_certificate_not_renewed"]
        assert (await ask(bench, trusting(before)))[0] == 202
        (tmp_path / "key.pem").write_bytes(renewed)
        await watched(bench).look()
        assert (await ask(bench, trusting((tmp_path / "cert.pem").read_bytes())))[0] == 202
        await bench.server.close()


@pytest.mark.parametrize("wrong", ["missing", "no certificate", "encrypted", "other key", "a folder"])
async def test_files_that_cannot_be_used_are_told(tmp_path: Path, wrong: str) -> None:
    """A sentence with the file's name, at the start, and nothing of what stands in it."""
    settings = files(tmp_path, password=b"secret" if wrong == "encrypted" else None)
    if wrong == "missing":
        (tmp_path / "key.pem").unlink()
    elif wrong == "no certificate":
        (tmp_path / "cert.pem").write_text("hello")
    elif wrong == "other key":
        other = tmp_path / "other"
        other.mkdir()
        settings["tls_keyfile"] = str(write_pair(other, "other")[1])
    elif wrong == "a folder":
        settings["tls_certfile"] = str(tmp_path)
    with pytest.raises(ListenError, match=r"cannot listen with TLS: .*(cert|key)\.pem"):
        async with receiver(**settings):
            pass


async def test_a_handshake_that_stalls_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever connects and says nothing, or half a hello, is cut off; others are served meanwhile and after."""
    monkeypatch.setattr("ingest.tls.HANDSHAKE_WAIT", 0.2)
    settings = files(tmp_path)
    trusted = trusting((tmp_path / "cert.pem").read_bytes())
    async with receiver(**settings) as bench:
        for data in (b"", b"\x16\x03\x01\x02\x00\x01"):
            async with bench.connect() as wire:
                await wire.send(data)
                assert (await ask(bench, trusted))[0] == 202
                assert await wire.closed()
        await bench.server.close()


@pytest.mark.parametrize("data", [request_bytes(body_of()), b"\x00" * 300, b"\x16\x03\x01\xff\xff" + b"x" * 100])
async def test_what_is_no_tls_is_closed_quietly(tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Plain HTTP on the port of TLS: no traceback, nothing stored, the next sender is served."""
    settings = files(tmp_path)
    async with receiver(**settings) as bench:
        async with bench.connect() as wire:
            await wire.send(data)
            await wire.closed()
        assert caplog.records == []
        assert bench.memory.records == []
        assert (await ask(bench, trusting((tmp_path / "cert.pem").read_bytes())))[0] == 202
        await bench.server.close()
