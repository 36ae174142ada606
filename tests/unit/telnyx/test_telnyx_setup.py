"""The setup of a messaging profile: its plan, what it changes, and that it may be repeated."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from providers.contract import AccountError
from providers.rest.errors import ApiError
from providers.roles import SetupRequest, SetupStep, StepKind
from providers.telnyx.setup import TelnyxSetup, setup
from tests.support.rest_server import Reply, RestServer, rest_server
from tests.support.telnyx import account_of
from tests.support.telnyx_calls import KEY, PROFILE_ID, refusal

URL = "https://hooks.example.com/webhooks/main"
OTHER = "5e5e0000-0000-4000-8000-00000000dddd"


def profile(profile_id: str = PROFILE_ID, url: str | None = None, version: str = "1", **more: Any) -> dict[str, Any]:
    """Return a messaging profile as Telnyx lists it."""
    return {"id": profile_id, "name": "Main", "webhook_url": url, "webhook_api_version": version, **more}


def profiles(*found: dict[str, Any]) -> Reply:
    """Return the list of messaging profiles."""
    return Reply({"data": list(found), "meta": {"page_number": 1, "total_pages": 1}})


def nothing_to_keep(_name: str, _text: str) -> Any:
    """Fail: Telnyx shows nothing once that would have to be kept."""
    raise AssertionError


def request(**wishes: Any) -> SetupRequest:
    """Return what an operator wants."""
    return SetupRequest(url=URL, keep=nothing_to_keep, **wishes)


@asynccontextmanager
async def prepared(
    *replies: Reply, wishes: dict[str, Any] | None = None, **settings: Any
) -> AsyncGenerator[tuple[TelnyxSetup, RestServer]]:
    """Play answers and give the setup of an account."""
    async with rest_server(*replies, prefix="/v2") as server:
        found = setup(account_of(api_key=KEY, base_url=server.url, **settings), request(**(wishes or {})))
        try:
            yield found, server
        finally:
            await found.close()


async def planned(*replies: Reply, wishes: dict[str, Any] | None = None, **settings: Any) -> list[SetupStep]:
    """Return the plan, which asks and changes nothing."""
    async with prepared(*replies, wishes=wishes, **settings) as (found, server):
        steps = list(await found.plan())
    assert {made.method for made in server.requests} == {"GET"}
    return steps


async def test_the_one_profile_is_pointed_at_us() -> None:
    """The only profile there is gets our URL and version 2, and nothing else of it is touched."""
    async with prepared(profiles(profile()), Reply({"data": profile(url=URL, version="2")})) as (found, server):
        (step,) = await found.plan()
        assert (step.kind, len(server.requests)) == (StepKind.CHANGE, 1)
        assert step.apply is not None
        told = await step.apply()
    assert (server.requests[0].method, server.requests[0].path) == ("GET", "/v2/messaging_profiles")
    assert (server.last.method, server.last.path) == ("PATCH", f"/v2/messaging_profiles/{PROFILE_ID}")
    assert server.last.json() == {"webhook_url": URL, "webhook_api_version": "2"}
    assert URL in "".join(told)


async def test_second_run_keeps_everything() -> None:
    """Where all is right already nothing is to be done."""
    (step,) = await planned(profiles(profile(url=URL, version="2")))
    assert (step.kind, step.apply) == (StepKind.KEEP, None)


@pytest.mark.parametrize(("url", "version"), [(URL, "1"), ("https://elsewhere.example.com/", "2"), (None, "2")])
async def test_either_of_the_two_is_mended(url: str | None, version: str) -> None:
    """A wrong URL and a wrong version are each a reason for the change, and the plan tells which."""
    (step,) = await planned(profiles(profile(url=url, version=version)))
    assert step.kind is StepKind.CHANGE
    assert ("webhook_url" in step.detail, "webhook_api_version" in step.detail) == (url != URL, version != "2")


async def test_several_profiles_need_a_choice() -> None:
    """Of several profiles none is taken; the plan names them."""
    (step,) = await planned(profiles(profile(), profile(OTHER, url=URL, version="2")))
    assert (step.kind, step.apply) == (StepKind.MANUAL, None)
    assert PROFILE_ID in step.detail
    assert OTHER in step.detail


async def test_profile_that_is_chosen() -> None:
    """The setting names the profile; the others are left alone."""
    (step,) = await planned(profiles(profile(), profile(OTHER, url=URL, version="2")), messaging_profile_id=OTHER)
    assert step.kind is StepKind.KEEP
    assert OTHER in step.what


async def test_profile_that_is_not_there() -> None:
    """A profile that the account does not have is said, with those that it has."""
    (step,) = await planned(profiles(profile()), messaging_profile_id=OTHER)
    assert step.kind is StepKind.MANUAL
    assert PROFILE_ID in step.detail


async def test_no_profile_at_all() -> None:
    """Without any profile the operator has to make one."""
    (step,) = await planned(profiles())
    assert step.kind is StepKind.MANUAL
    assert "create a messaging profile" in step.what


async def test_profile_that_is_switched_off() -> None:
    """A disabled profile is pointed at us and said to be disabled."""
    change, manual = await planned(profiles(profile(enabled=False)))
    assert (change.kind, manual.kind) == (StepKind.CHANGE, StepKind.MANUAL)


async def test_public_key_has_to_be_copied() -> None:
    """No API gives the public key: an account without one is told where it is."""
    _, step = await planned(profiles(profile()), public_keys=())
    assert step.kind is StepKind.MANUAL
    assert "Public Key" in step.detail


async def test_public_key_is_rotated_by_hand() -> None:
    """Whoever wants a new key is told that no API makes one."""
    _, step = await planned(profiles(profile()), wishes={"rotate": True})
    assert step.kind is StepKind.MANUAL
    assert "new public key" in step.what


async def test_refusal_is_told() -> None:
    """A key that may not read profiles ends the plan with Telnyx's code."""
    async with prepared(refusal(401, "10009", "Authentication failed")) as (found, _):
        with pytest.raises(ApiError, match="10009"):
            await found.plan()


def test_account_without_a_key() -> None:
    """Without an API key nothing can be prepared."""
    with pytest.raises(AccountError, match="no api_key"):
        setup(account_of(), request())
