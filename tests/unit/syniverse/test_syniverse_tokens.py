"""The token: one regeneration for all who wait, kept before it is used, its secrets nowhere."""

import asyncio
import errno
import json
import logging
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.rest.errors import AuthenticationError, ConflictError, NotFoundError
from providers.syniverse.api.token_file import TokenFile, TokenFileError
from tests.conftest import FakeClock
from tests.support.syniverse_api import (
    KEY,
    SECRET,
    SECRETS,
    TOKEN,
    FakeApi,
    Reply,
    Seen,
    example,
    fake_api,
    listed,
    quick,
    refusal,
)
from tests.support.syniverse_tokens import REFRESH, REFRESHING, Gateway


def names_in(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(item.name for item in folder.iterdir())


def refreshes(api: FakeApi) -> list[Seen]:
    """Return the regenerations that were asked for."""
    return [one for one in api.seen if one.path == REFRESH]


async def test_regeneration_is_what_the_provider_documents(tmp_path: Path) -> None:
    """One GET with all four parameters, without a bearer; then the call again, with the new token."""
    async with fake_api() as api, api.client(**REFRESHING, token_file=tmp_path / "token") as client:
        api.will(refusal(401, "401"), Reply(200, example("token_refresh_200")), Reply(200, {"id": "c1"}))
        assert (await client.contacts.get("c1")).id == "c1"
    first, refresh, second = api.seen
    assert (refresh.method, refresh.path) == ("GET", REFRESH)
    assert refresh.parameters == {
        "consumerkey": KEY.value,
        "consumersecret": SECRET.value,
        "oldtoken": TOKEN.value,
        "validity": "0",
    }
    assert "authorization" not in refresh.headers
    assert first.headers["authorization"] == f"Bearer {TOKEN.value}"
    assert second.headers["authorization"] == "Bearer b1624ffb-7360-375c-91a5-955cee069970"


async def test_path_and_validity_are_settings() -> None:
    """Some pages show the path without its version; the life of a token is the customer's choice."""
    async with fake_api() as api:
        client = api.client(**REFRESHING, token_path="/saop-rest-data/apptoken-refresh", token_validity=3600)
        api.will(refusal(401, "401"), Reply(200, example("token_refresh_200")), Reply(200, {"id": "c1"}))
        await client.contacts.get("c1")
        await client.close()
    assert api.seen[1].path == "/saop-rest-data/apptoken-refresh"
    assert api.seen[1].parameters["validity"] == "3600"


async def test_fifty_refusals_at_once_are_one_regeneration(tmp_path: Path) -> None:
    """All who wait get the one new token; two regenerations would kill each other's."""
    async with fake_api() as api, api.client(**REFRESHING, token_file=tmp_path / "token") as client:
        api.handler = Gateway()
        found = await asyncio.gather(*(client.contacts.get("c1") for _ in range(50)))
        late = await client.contacts.get("c1")
    assert [item.id for item in (*found, late)] == ["c1"] * 51
    assert len(refreshes(api)) == 1


async def test_fifty_refusals_that_cannot_be_helped_are_one_regeneration() -> None:
    """A key that is not accepted is tried once, and not again for a while; all calls say what their refusal was."""
    clock = FakeClock()
    published = example("token_refresh_500")

    def handler(request: Seen) -> Reply:
        return Reply(500, published) if request.path == REFRESH else refusal(401, "401")

    async with fake_api() as api, api.client(**REFRESHING, tempo=quick(clock=clock)) as client:
        api.handler = handler
        calls = (client.contacts.get("c1") for _ in range(50))
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(error, AuthenticationError) for error in found)
        assert len(refreshes(api)) == 1
        clock.advance(31)
        with pytest.raises(AuthenticationError):
            await client.contacts.get("c1")
    assert len(refreshes(api)) == 2


async def test_caller_who_gives_up_does_not_stop_the_regeneration(tmp_path: Path) -> None:
    """The old token may be dead already: the new one is kept for the others, and for the next start."""
    path = tmp_path / "token"
    async with fake_api() as api:
        client = api.client(**REFRESHING, token_file=path)
        asked = asyncio.Event()
        gateway = Gateway()

        def handler(request: Seen) -> Reply:
            if request.path == REFRESH:
                asked.set()
            return gateway(request)

        api.handler = handler
        call = asyncio.create_task(client.contacts.get("c1"))
        await asked.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await client.close()
    assert json.loads(path.read_bytes())["token"] == "TOKEN-2"


async def test_new_token_that_is_refused_too_is_not_regenerated_at_once() -> None:
    """Ten refused calls are one regeneration, and another one half a minute later: a new one each would help nobody."""
    clock = FakeClock()
    gateway = Gateway()
    async with fake_api() as api, api.client(**REFRESHING, tempo=quick(clock=clock)) as client:
        api.handler = lambda request: gateway(request) if request.path == REFRESH else refusal(401, "401")
        for count in (1, 2):
            for _ in range(10):
                with pytest.raises(AuthenticationError):
                    await client.contacts.get("c1")
            assert len(refreshes(api)) == count
            clock.advance(31)


async def test_token_that_another_process_has_kept_is_taken_over_at_once(tmp_path: Path) -> None:
    """The pause holds for asking Syniverse, not for looking into the file."""
    path = tmp_path / "token"
    async with fake_api() as api, api.client(**REFRESHING, token_file=path) as client:
        gateway = Gateway()
        api.handler = gateway
        await client.contacts.get("c1")
        gateway.valid = "TOKEN-of-another"
        with pytest.raises(AuthenticationError):
            await client.contacts.get("c1")
        await TokenFile(path, TOKEN.value).save(gateway.valid)
        assert (await client.contacts.get("c1")).id == "c1"
    assert len(refreshes(api)) == 1


async def test_expired_token_by_404_is_regenerated_too() -> None:
    """Code 4046 on anything but an attachment's content means our own token."""
    async with fake_api() as api, api.client(**REFRESHING) as client:
        api.handler = Gateway(dead=Reply(404, example("rest_error_404_4046_access_token_expired")))
        assert (await client.contacts.get("c1")).id == "c1"
    assert len(refreshes(api)) == 1


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(refusal(404, "4041"), NotFoundError), (refusal(401, "4010"), AuthenticationError)],
    ids=["no such contact", "not for this"],
)
async def test_other_refusals_are_none_of_the_token(reply: Reply, kind: type[Exception]) -> None:
    """A contact that is not there, a token that is not meant for this: a new token would change nothing."""
    async with fake_api() as api, api.client(**REFRESHING) as client:
        api.handler = lambda _: reply
        with pytest.raises(kind):
            await client.contacts.get("c1")
    assert len(api.seen) == 1


async def test_regeneration_is_tried_once_a_call() -> None:
    """A new token that is refused too is not changed again and again."""
    async with fake_api() as api, api.client(**REFRESHING) as client:
        gateway = Gateway()
        api.handler = lambda request: gateway(request) if request.path == REFRESH else refusal(401, "401")
        with pytest.raises(AuthenticationError):
            await client.contacts.get("c1")
    assert len(api.seen) == 3


async def test_same_token_given_back_changes_nothing() -> None:
    """A validity within the present token's life gives the present token back (1.11 f)."""
    async with fake_api() as api, api.client(**REFRESHING) as client:
        api.will(refusal(401, "401"), Reply(200, {"accessToken": TOKEN.value}))
        with pytest.raises(AuthenticationError):
            await client.contacts.get("c1")
    assert len(api.seen) == 2


async def test_without_a_key_a_dead_token_stays_dead() -> None:
    """Nothing is asked that could not be answered."""
    async with fake_api() as api, api.client() as client:
        api.handler = Gateway()
        with pytest.raises(AuthenticationError):
            await client.contacts.get("c1")
    assert len(api.seen) == 1


async def test_token_that_is_changed_by_somebody_else_is_waited_for() -> None:
    """409 with code 4090 passes: the call is made again, once."""
    async with fake_api() as api, api.client() as client:
        api.will(refusal(409, "4090"), Reply(200, {"id": "c1"}), refusal(409, "4090"), refusal(409, "4090"))
        assert (await client.contacts.get("c1")).id == "c1"
        with pytest.raises(ConflictError):
            await client.contacts.get("c1")


async def test_new_token_is_on_the_disk_before_it_is_used(tmp_path: Path) -> None:
    """When the first call with it arrives, the file has it, for nobody else to read."""
    path = tmp_path / "token"
    gateway = Gateway()
    kept: list[Any] = []

    def handler(request: Seen) -> Reply:
        if request.headers.get("authorization") == "Bearer TOKEN-2":
            kept.append(json.loads(path.read_bytes())["token"])
        return gateway(request)

    async with fake_api() as api, api.client(**REFRESHING, token_file=path) as client:
        api.handler = handler
        await client.contacts.get("c1")
    assert kept == ["TOKEN-2"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names_in(tmp_path) == ["token", "token.lock"]


async def test_next_start_uses_the_kept_token(tmp_path: Path) -> None:
    """A client with the same configuration begins with the token that lives."""
    options = REFRESHING | {"token_file": tmp_path / "token"}
    async with fake_api() as api:
        api.handler = Gateway()
        for _ in range(2):
            async with api.client(**options) as client:
                await client.contacts.get("c1")
    assert len(refreshes(api)) == 1
    assert api.seen[-1].headers["authorization"] == "Bearer TOKEN-2"


async def test_newer_token_in_the_configuration_wins(tmp_path: Path) -> None:
    """A token that was regenerated from another one than is configured now is older than that."""
    path = tmp_path / "token"
    await TokenFile(path, "an earlier one").save("TOKEN-of-then")
    async with fake_api() as api, api.client(token_file=path) as client:
        await client.contacts.get("c1")
    assert api.seen[0].headers["authorization"] == f"Bearer {TOKEN.value}"


async def test_two_processes_regenerate_once(tmp_path: Path) -> None:
    """The second one finds what the first has kept, and asks for nothing."""
    options = REFRESHING | {"token_file": tmp_path / "token"}
    async with fake_api() as api, api.client(**options) as one, api.client(**options) as other:
        api.handler = Gateway()
        await asyncio.gather(one.contacts.get("c1"), other.contacts.get("c1"))
    assert len(refreshes(api)) == 1


async def test_file_that_cannot_be_written_is_found_out_before_the_old_token_dies(tmp_path: Path) -> None:
    """Where a new token could not be kept none is asked for, and the reason is told."""
    (tmp_path / "file").touch()
    options = REFRESHING | {"token_file": tmp_path / "file" / "token"}
    async with fake_api() as api, api.client(**options) as client:
        api.handler = Gateway()
        with pytest.raises(TokenFileError, match="token_file"):
            await client.contacts.get("c1")
    assert refreshes(api) == []


async def test_folder_of_the_file_is_made(tmp_path: Path) -> None:
    """Nobody has to prepare the default one."""
    options = REFRESHING | {"token_file": tmp_path / "var" / "token"}
    async with fake_api() as api, api.client(**options) as client:
        api.handler = Gateway()
        await client.contacts.get("c1")
    assert len(refreshes(api)) == 1


async def test_disk_that_takes_no_new_file_is_found_out_likewise(tmp_path: Path) -> None:
    """The claim can be made and the token not be kept: a name whose temporary one is too long stands for it."""
    async with fake_api() as api, api.client(**REFRESHING, token_file=tmp_path / ("t" * 248)) as client:
        api.handler = Gateway()
        with pytest.raises(TokenFileError):
            await client.contacts.get("c1")
    assert refreshes(api) == []


async def test_file_that_another_holds_is_not_waited_for_without_end(tmp_path: Path) -> None:
    """A process that hangs with the claim stops no other one for ever."""
    file = TokenFile(tmp_path / "token", "x")
    async with file.claim(1.0):
        with pytest.raises(TokenFileError, match="another process"):
            async with file.claim(0.01):
                pass
    async with file.claim(0.01):
        assert await file.load() is None


async def test_file_system_without_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the lock says is an error of the file like all others."""

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(TokenFileError, match="No locks"):
        async with TokenFile(tmp_path / "token", "x").claim(1.0):
            pass


@given(content=st.binary())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_gives_a_token_or_says_what_is_wrong(tmp_path: Path, content: bytes) -> None:
    """Whatever bytes stand in the file, nothing else is raised than what the callers expect."""
    path = tmp_path / "token"
    path.write_bytes(content)
    with suppress(TokenFileError):
        assert TokenFile(path, "x")._load() is None


async def test_token_file_with_an_unreadable_body_is_told(tmp_path: Path) -> None:
    """A call says which file is wrong, as an error of the interface."""
    path = tmp_path / "token"
    path.write_bytes(b"not ours")
    async with fake_api() as api, api.client(token_file=path) as client:
        with pytest.raises(TokenFileError, match="no token"):
            await client.contacts.get("c1")
    assert api.seen == []


async def test_secrets_stand_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """The regeneration's URL holds the secret: it is in no log line of ours or of a library."""
    caplog.set_level(logging.DEBUG)
    async with fake_api() as api, api.client(**REFRESHING) as client:
        api.will(refusal(401, "401"), Reply(400, example("token_refresh_400")), listed())
        with pytest.raises(AuthenticationError):
            await client.contacts.get("c1")
    # The server of the test logs what it was asked; a client has no such log.
    records = [one for one in caplog.records if one.name != "aiohttp.access"]
    assert not [one for one in records if any(secret in one.getMessage() for secret in SECRETS)]
