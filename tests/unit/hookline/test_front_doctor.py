"""The doctor: what it says of an installation, and of one captured request."""

import asyncio
import importlib
import socket
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from hookline.configuration.config import load_config
from hookline.doctor import log as doctor_log
from hookline.doctor import reach
from hookline.doctor.accounts import check_shared
from hookline.doctor.captured import parse_captured, unchunked
from hookline.doctor.log import check_log
from hookline.doctor.place import check_addresses, check_disks
from hookline.doctor.reach import check_clock, check_reach
from hookline.doctor.report import Check, Grade, as_json, as_lines
from hookline.errors import CommandError
from hookline.record_lines import line_of
from providers.contract import Request
from schemas.records import StoredRecord
from schemas.times import from_millis
from schemas.webhook import Webhook, webhook_to_record
from tests.support.front import BODY, Desk, hookline

NOW = 1_767_225_600


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder with a sound configuration."""
    made = Desk(tmp_path)
    made.write_sound()
    return made


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Return a port that somebody else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def judge(desk: Desk, request: bytes, *more: str) -> tuple[int, str]:
    """Return the exit status and the words of `doctor signature`."""
    found = hookline(
        "doctor", "signature", "--account", "main", "--request", "-", *more, cwd=desk.folder, given=request
    )
    assert found.stderr == b""
    return found.returncode, found.stdout.decode()


def test_a_genuine_request_verifies(desk: Desk) -> None:
    """Exit status 0, and the key that made the signature."""
    status, said = judge(desk, desk.raw_request(BODY, int(time.time())))
    assert status == 0
    assert "verdict: verified with ed25519:" in said


def test_a_changed_body_is_explained(desk: Desk) -> None:
    """Bytes that something added are told apart from a wrong key."""
    request = desk.raw_request(BODY, int(time.time())) + b"\n"
    status, said = judge(desk, request)
    assert status == 1
    assert f"the captured body has {len(BODY) + 1} bytes, Content-Length says {len(BODY)}" in said
    assert "verifies when the body is cut" in said
    assert "verdict: signature_mismatch" in said


def test_a_request_for_another_account_is_told(tmp_path: Path) -> None:
    """A wrong URL at the provider sends one account's webhooks to another's address."""
    desk, other = Desk(tmp_path), Desk(tmp_path)
    other.key = SigningKey.generate()
    desk.write_sound("[accounts.other]", 'provider = "telnyx"', f'public_keys = ["{other.public_key}"]')
    status, said = judge(desk, other.raw_request(BODY, int(time.time())))
    assert status == 1
    assert "verifies with the key of account 'other'" in said
    assert "should be /webhooks/other" in said


def test_a_body_that_was_rewritten_is_explained(desk: Desk) -> None:
    """JSON that something parsed and wrote anew is the commonest accident."""
    request = desk.raw_request(BODY, int(time.time())).replace(BODY, orjson.dumps(orjson.loads(BODY)))
    status, said = judge(desk, request)
    assert status == 1
    assert "The body was changed on the way" in said


def test_an_old_request_is_explained_and_can_be_judged_in_its_time(desk: Desk) -> None:
    """A capture grows old; `--at` turns the clock back."""
    request = desk.raw_request(BODY, NOW)
    status, said = judge(desk, request)
    assert (status, "verdict: timestamp_out_of_tolerance" in said) == (1, True)
    status, said = judge(desk, request, "--at", "2026-01-01T00:00:05Z")
    assert (status, ", as --at says" in said) == (0, True)


def test_a_line_of_tail_is_judged_when_it_was_received(desk: Desk) -> None:
    """The record holds all that the signature needs, and the time."""
    line = raw_line(desk)
    status, said = judge(desk, line)
    assert status == 0
    assert "judged at 2026-01-01T00:00:01.000Z, when it was received" in said


def test_json_tells_the_same(desk: Desk) -> None:
    """For scripts: one object, `ok` per finding."""
    status, said = judge(desk, raw_line(desk), "--json")
    assert (status, orjson.loads(said)["ok"]) == (0, True)


def test_no_secret_is_shown(desk: Desk) -> None:
    """Neither the key's bytes nor the body."""
    _, said = judge(desk, desk.raw_request(BODY, NOW))
    assert desk.public_key not in said
    assert "+13125550001" not in said


def test_an_unknown_account_is_a_wrong_call(desk: Desk) -> None:
    """Exit status 2, and the accounts that there are."""
    found = hookline("doctor", "signature", "--account", "mian", "--request", "-", cwd=desk.folder, given=b"x")
    assert found.returncode == 2
    assert b"no account 'mian'; there are: main" in found.stderr


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"hello", "no empty line"),
        (b"hello\r\n\r\n", "line 1 is no request line"),
        (b"POST / HTTP/1.1\r\nno colon\r\n\r\n", "line 2 is no header field"),
        (b"{broken", "not a line of `hookline tail`"),
        (BODY, "a body without its headers: capture the whole request"),
        (orjson.dumps(orjson.loads(BODY), option=orjson.OPT_INDENT_2), "a body without its headers"),
        (b'{"topic": "messaging.inbound.v1"}', "expected raw HTTP"),
    ],
)
def test_what_is_no_request_is_refused_in_words(data: bytes, said: str) -> None:
    """With what was expected."""
    with pytest.raises(CommandError, match=said):
        parse_captured(data)


def test_line_feeds_alone_are_read_too() -> None:
    """Many tools save a capture so; the body stays as it is."""
    captured = parse_captured(b"post /webhooks/main?x=1 HTTP/1.1\nA: 1\nA: 2\n\n{}\r\n")
    assert captured.request == Request("POST", "/webhooks/main?x=1", (("a", "1"), ("a", "2")), b"{}\r\n")


def test_chunks_are_joined() -> None:
    """A capture from the wire has them."""
    captured = parse_captured(
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n"
    )
    assert captured.request.body == b"abcd"


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_give_a_request_or_a_refusal(data: bytes) -> None:
    """Whatever was captured, nothing but CommandError comes out."""
    for head in (b"", b"POST / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"{"):
        try:
            captured = parse_captured(head + data)
        except CommandError:
            continue
        assert len(captured.request.body) <= len(data)


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=9), max_size=4))
def test_what_was_chunked_comes_back(parts: list[bytes]) -> None:
    """Joining is the reverse of cutting."""
    wire = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    assert unchunked(wire) == b"".join(parts)


@pytest.mark.parametrize(
    ("off", "grade", "words"),
    [
        (0.5, Grade.OK, "agrees"),
        (-60, Grade.WARN, "60 s behind"),
        (60, Grade.WARN, "ahead of"),
        (600, Grade.FAIL, "600 s ahead of the provider's"),
    ],
)
def test_the_clock_is_compared_in_words(off: float, grade: Grade, words: str) -> None:
    """Small differences pass, large ones fail, as signatures then would."""
    check = check_clock(formatdate(NOW, usegmt=True), NOW + 0.5 + off)
    assert (check.grade, words in check.title) == (grade, True)


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 99 Xyz 9999"])
def test_a_date_that_is_none_is_told_plainly(date: str | None) -> None:
    """Without a date of theirs nothing is claimed."""
    assert "nobody to compare" in check_clock(date, NOW).title


async def test_a_provider_out_of_reach_is_told_plainly(
    desk: Desk, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer is no failure of the receiver: a warning, with the address."""
    monkeypatch.setattr(reach, "_DEADLINE", 0.2)
    free = taken_port
    desk.write_sound(f'base_url = "http://127.0.0.1:{free}"')
    config = await asyncio.to_thread(load_config, desk.config, {})
    async with asyncio.timeout(10):
        checks = await check_reach(config, time.time)
    assert {check.grade for check in checks} == {Grade.WARN}
    assert f"http://127.0.0.1:{free} cannot be reached" in checks[0].title


async def test_a_taken_address_is_a_failure(desk: Desk, taken_port: int) -> None:
    """The service could not start."""
    desk.write_sound(listen=taken_port)
    config = await asyncio.to_thread(load_config, desk.config, {})
    listen, admin = await check_addresses(config)
    assert (listen.grade, admin.grade) == (Grade.FAIL, Grade.OK)
    assert "Address already in use" in listen.title


async def test_a_folder_without_leave_is_a_failure(desk: Desk) -> None:
    """The log cannot be made below a file."""
    (desk.folder / "var").write_text("a file, no folder")
    config = await asyncio.to_thread(load_config, desk.config, {})
    checks = await check_disks(config)
    assert [check.grade for check in checks] == [Grade.OK, Grade.FAIL]


async def test_a_log_that_is_no_log_is_a_failure(desk: Desk) -> None:
    """A foreign file under that name is told, not overwritten."""
    (desk.folder / "log.db").write_bytes(b"something else " * 1000)
    config = await asyncio.to_thread(load_config, desk.config, {})
    (check,) = await check_log(config)
    assert (check.grade, "is damaged, or no SQLite file" in check.title) == (Grade.FAIL, True)


async def test_kafka_that_is_away_is_a_failure(desk: Desk, taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a deadline, though the other side takes the connection and says nothing."""
    # Its import reads files, which only a test minds.
    await asyncio.to_thread(importlib.import_module, "broker.kafka")
    monkeypatch.setattr(doctor_log, "_DEADLINE", 1.0)
    desk.write("[broker]", f'url = "kafka://127.0.0.1:{taken_port}"')
    config = await asyncio.to_thread(load_config, desk.config, {})
    async with asyncio.timeout(40):
        (check,) = await check_log(config)
    assert (check.grade, "is Kafka up?" in check.advice) == (Grade.FAIL, True)


def test_a_wrong_configuration_ends_the_examination(desk: Desk) -> None:
    """Its problems are the report; exit status 1."""
    desk.write("[sever]")
    found = hookline("doctor", "--json", cwd=desk.folder)
    report = orjson.loads(found.stdout)
    assert (found.returncode, report["ok"]) == (1, False)
    assert report["checks"][0]["title"] == "hookline.toml:1: unknown table 'sever': did you mean 'server'?"


def test_accounts_that_share_a_credential_are_pointed_out(desk: Desk) -> None:
    """Two that poll one queue take each other's items; accounts with keys of their own, or proofs in common, do not."""
    mm = ('provider = "messagemedia"', 'secret_header = "env:H"', 'api_secret = "env:S"')
    path = desk.write(
        *("[accounts.one]", *mm, 'api_key = "env:A"'),
        *("[accounts.two]", *mm, 'api_key = "env:SAME_AS_A"'),
        *("[accounts.three]", 'provider = "messagemedia"', 'secret_header = "env:H"', 'api_key = "env:C"'),
    )
    values = {"H": "of-the-header", "S": "same-secret", "A": "same-key", "SAME_AS_A": "same-key", "C": "other-key"}
    (found,) = check_shared(load_config(path, values))
    assert found.grade is Grade.WARN
    assert found.title == "one, two share one api_key and one api_secret at MessageMedia"
    assert "same-key" not in repr(found)


def test_an_account_without_a_key_is_a_failure(desk: Desk) -> None:
    """Said as the receiver would say it, before it is started."""
    desk.write_sound("[accounts.b]", 'provider = "telnyx"', 'public_keys = ["env:NOT_SET"]')
    found = hookline("doctor", cwd=desk.folder)
    assert found.returncode == 1
    assert b"fail  account b" in found.stdout
    assert b"the variable NOT_SET is not set" in found.stdout


@pytest.mark.parametrize("render", [as_lines, as_json])
def test_a_report_holds_every_finding(render: Callable[[list[Check]], str]) -> None:
    """Title and advice, in both forms."""
    text = render([Check("a", Grade.OK, "well"), Check("b", Grade.FAIL, "broken", "mend it")])
    assert all(word in text for word in ("well", "broken", "mend it"))


def raw_line(desk: Desk) -> bytes:
    """Return what `tail` prints of a genuine webhook, received a second after it was signed."""
    headers = tuple(desk.headers(BODY, NOW).items())
    webhook = Webhook(
        provider="telnyx",
        account="main",
        method="POST",
        target="/webhooks/main",
        headers=headers,
        body=BODY,
        received_at=from_millis((NOW + 1) * 1000),
    )
    record = webhook_to_record(webhook, webhook.id)
    return line_of(StoredRecord(record.topic, 0, 0, record.timestamp, record.key, record.value, record.headers))


async def test_any_answer_proves_the_way(desk: Desk) -> None:
    """An API that asks for a credential was reached, and its `Date` shows how far our clock is off."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        date = formatdate(NOW, usegmt=True).encode()
        writer.write(
            b"HTTP/1.1 401 Unauthorized\r\nDate: " + date + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        desk.write_sound(f'base_url = "http://127.0.0.1:{server.sockets[0].getsockname()[1]}"')
        config = await asyncio.to_thread(load_config, desk.config, {})
        way, time_check = await check_reach(config, lambda: NOW + 0.5 + 3600)
    assert (way.grade, "answers (status 401)" in way.title) == (Grade.OK, True)
    assert (time_check.grade, "3600 s ahead" in time_check.title) == (Grade.FAIL, True)
