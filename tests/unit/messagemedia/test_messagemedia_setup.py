"""Setting up an account at MessageMedia: its plan, what it does, and that a second run finds nothing to do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from providers.contract import AccountError, Secret
from providers.messagemedia.preparing.template import GROUPS, webhook_url
from providers.messagemedia.setup import setup
from providers.rest.errors import ApiError, AuthenticationError, UnreadableAnswerError
from providers.roles import SetupRequest, SetupStep, StepKind
from schemas.errors import HooklineError
from tests.support.messagemedia_api import Reply, account_at, api_answering
from tests.support.messagemedia_state import FakeMessageMedia, fake_messagemedia

URL = "https://hooks.example/webhooks/mm"
SECRET = Secret("do-not-show-me", "env:MM_SECRET")
HEADER: dict[str, Any] = {"secret_header": (SECRET,)}
# A real public key, made for tests; the fake's own are no keys.
PUBLIC = Secret(
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCTIxtRyT5CuOD74r7UCT+AKzWNxvaAP9myjAqR7+vBnJKEvoPnmbKTnm6uLlxutnMbjKrnCCWn"
    "Q9vtBVnnd+ElhwLDPADfMcJoOqwi7mTcxucckeEbBsfsgYRfdacxgSZL8hVD1hLViQr3xwjEIkJcx1w3x8npvwMuTY0uW8+PjwIDAQAB",
    "file:keys/old.pub",
)


@dataclass
class Keeper:
    """Keeps texts as the front door does."""

    files: dict[str, str] = field(default_factory=dict)

    async def __call__(self, name: str, text: str) -> str:
        """Keep a text and return the reference to it."""
        self.files[name] = text
        return f"file:keys/{name}"


def request_of(keeper: Any = None, **wishes: bool) -> SetupRequest:
    """Return what the operator wants."""
    return SetupRequest(url=URL, keep=keeper or Keeper(), **wishes)


async def planned(fake: FakeMessageMedia, request: SetupRequest | None = None, **settings: Any) -> Sequence[SetupStep]:
    """Return the plan for the account."""
    found = setup(account_at(fake.url, **settings), request or request_of())
    steps = await found.plan()
    await found.close()
    return steps


async def done(fake: FakeMessageMedia, request: SetupRequest | None = None, **settings: Any) -> list[str]:
    """Carry a plan out, in its order, and return what it tells."""
    found = setup(account_at(fake.url, **settings), request or request_of())
    told = [line for step in await found.plan() if step.apply is not None for line in await step.apply()]
    await found.close()
    return told


def kinds(steps: Sequence[SetupStep], about: str) -> list[StepKind]:
    """Return the kinds of the steps about something."""
    return [step.kind for step in steps if about in step.what]


def configured(*ids: str) -> dict[str, Any]:
    """Return settings with those keys."""
    return {"keys": tuple({"id": one, "digest": "SHA256", "public_key": PUBLIC} for one in ids)}


def key(number: int, *, enabled: bool = False) -> dict[str, Any]:
    """Return a key at the provider, the younger the larger its number."""
    created = f"2025-01-{number:02}T00:00:00.000Z"
    return {"key_id": f"old-{number}", "cipher": "RSA", "digest": "SHA256", "created": created, "enabled": enabled}


async def test_new_account_gets_three_webhooks() -> None:
    """Each group of events has a webhook of its own, with our template, retries and the secret header."""
    async with fake_messagemedia() as fake:
        steps = await planned(fake, **HEADER)
        assert fake.webhooks == []
        assert kinds(steps, "webhook") == [StepKind.CREATE] * 3
        await done(fake, **HEADER)
    assert [(one["url"], tuple(one["events"]), one["template"]) for one in fake.webhooks] == [
        (webhook_url(URL, group), group.events, group.template) for group in GROUPS
    ]
    for one in fake.webhooks:
        assert (one["method"], one["encoding"], one["retries"], one["retry_delay"]) == ("POST", "JSON", 5, 30)
        assert one["headers"] == {"x-hookline-secret": SECRET.value}


async def test_second_run_finds_nothing_to_do() -> None:
    """After a run everything is kept."""
    async with fake_messagemedia() as fake:
        await done(fake, **HEADER)
        steps = await planned(fake, **HEADER)
    assert {step.kind for step in steps} == {StepKind.KEEP}
    assert all(step.apply is None for step in steps)


async def test_account_without_a_secret_header() -> None:
    """Webhooks then have no header of ours, and headers that are there stay."""
    async with fake_messagemedia() as fake:
        await done(fake)
        assert [one["headers"] for one in fake.webhooks] == [{}, {}, {}]
        fake.webhooks[0]["headers"] = {"x-theirs": "t"}
        fake.webhooks[0]["template"] = "{}"
        await done(fake)
    assert fake.webhooks[0]["headers"] == {"x-theirs": "t"}
    assert fake.webhooks[0]["template"] == GROUPS[0].template


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"template": "{}"}, "template"),
        ({"events": ["FAILED_DR"]}, "events"),
        ({"encoding": "XML"}, "encoding"),
        ({"headers": {}}, "the secret header"),
        ({"headers": {"X-Hookline-Secret": "an old one", "x-theirs": "t"}}, "the secret header"),
    ],
)
async def test_webhook_that_differs_is_changed(change: dict[str, Any], word: str) -> None:
    """What is not as wanted is changed, and only told by its name; foreign headers stay."""
    async with fake_messagemedia() as fake:
        await done(fake, **HEADER)
        wanted = dict(fake.webhooks[0])
        fake.webhooks[0].update(change)
        (step,) = [step for step in await planned(fake, **HEADER) if step.kind is StepKind.CHANGE]
        assert step.detail == f"changes {word}"
        assert step.apply is not None
        await done(fake, **HEADER)
    theirs = {"x-theirs": "t"} if "x-theirs" in change.get("headers", {}) else {}
    assert fake.webhooks[0] == wanted | {"headers": {"x-hookline-secret": SECRET.value, **theirs}}


async def test_events_in_another_order_are_the_same() -> None:
    """The provider may list events and names of headers as it likes."""
    async with fake_messagemedia() as fake:
        await done(fake, **HEADER)
        fake.webhooks[0]["events"].reverse()
        fake.webhooks[1]["headers"] = {"X-Hookline-Secret": SECRET.value}
        steps = await planned(fake, **HEADER)
    assert kinds(steps, "webhook") == [StepKind.KEEP] * 3


async def test_retries_that_no_change_mends() -> None:
    """Retries are set at creation alone: the plan says what to do, and keeps the webhook."""
    async with fake_messagemedia() as fake:
        await done(fake, **HEADER)
        fake.webhooks[0]["retries"] = 0
        step = (await planned(fake, **HEADER))[0]
    assert step.kind is StepKind.KEEP
    assert "delete it" in step.detail


async def test_foreign_webhook_stays() -> None:
    """A webhook of somebody else's is named, without what its query may hold, and left alone."""
    foreign = {"id": "w9", "url": "https://crm.example/in?token=abc", "method": "POST"}
    async with fake_messagemedia(webhooks=[dict(foreign)]) as fake:
        steps = await planned(fake, **HEADER)
        await done(fake, **HEADER)
        assert fake.webhooks[0] == foreign
    assert kinds(steps, "https://crm.example/in") == [StepKind.KEEP]
    assert not any("abc" in step.what + step.detail for step in steps)


async def test_all_pages_of_webhooks_are_looked_at() -> None:
    """Our webhook on the second page is found too."""
    async with fake_messagemedia() as fake:
        await done(fake, **HEADER)
        ours = fake.webhooks
        fake.webhooks = [{"id": str(one), "url": f"https://x/{one}", "method": "GET"} for one in range(100)] + ours
        steps = await planned(fake, **HEADER)
    assert kinds(steps, "group=") == [StepKind.KEEP] * 3


async def test_plan_shows_no_secret() -> None:
    """The plan names the header and never its value, nor does anything it tells."""
    async with fake_messagemedia() as fake:
        steps = await planned(fake, **HEADER)
        told = await done(fake, **HEADER)
    shown = " ".join([*(f"{step.what} {step.detail} {step!r}" for step in steps), *told])
    assert SECRET.value not in shown
    assert "x-hookline-secret" in shown


async def test_secret_header_needs_no_signatures() -> None:
    """An account that proves by the secret header is not asked for keys."""
    async with fake_messagemedia(keys_off=True) as fake:
        steps = await planned(fake, **HEADER)
    assert kinds(steps, "signature keys") == [StepKind.KEEP]
    assert not any("iam" in line for line in fake.asked)


async def test_first_key_is_made_kept_and_told() -> None:
    """The public key goes into a file, and the line for the configuration is told with the restart after it."""
    keeper = Keeper()
    async with fake_messagemedia() as fake:
        assert kinds(await planned(fake), "a signature key") == [StepKind.CREATE]
        assert fake.keys == []
        told = await done(fake, request_of(keeper))
        (made,) = fake.keys
    name = f"mm-{made['key_id']}.pub"
    assert keeper.files == {name: made["public_key"]}
    line = f'keys = [{{id = "{made["key_id"]}", digest = "SHA256", public_key = "file:keys/{name}"}}]'
    assert line in told
    assert any("restart" in one for one in told)
    assert not made["enabled"]


async def test_second_run_waits_for_the_operator() -> None:
    """A key that the configuration has not yet is not made again: the plan says what to do."""
    async with fake_messagemedia() as fake:
        await done(fake)
        steps = await planned(fake)
        assert kinds(steps, "signature key") == [StepKind.MANUAL]
        assert {step.kind for step in steps if "webhook" in step.what} == {StepKind.KEEP}
        assert kinds(await planned(fake, request_of(rotate=True)), "signature key") == [StepKind.MANUAL]


async def test_key_of_the_configuration_is_enabled() -> None:
    """When the configuration has the key it is enabled, and then all is as it should be."""
    async with fake_messagemedia(keys=[key(1)]) as fake:
        steps = await planned(fake, **configured("OLD-1"))
        assert kinds(steps, "old-1: enable") == [StepKind.CHANGE]
        await done(fake, **configured("OLD-1"))
        assert fake.keys[0]["enabled"]
        after = await planned(fake, **configured("OLD-1"))
    assert {step.kind for step in after} == {StepKind.KEEP}


async def test_whole_rotation() -> None:
    """Create, store, deploy, enable, keep the old key, delete it: each run does its part and no more."""
    old = configured("old-1")
    async with fake_messagemedia(keys=[key(1, enabled=True)]) as fake:
        assert kinds(await planned(fake, **old), "key") == [StepKind.KEEP]
        told = await done(fake, request_of(rotate=True), **old)
        new = fake.keys[1]["key_id"]
        line = next(line for line in told if line.startswith("keys = "))
        assert 'id = "old-1"' in line
        assert 'public_key = "file:keys/old.pub"' in line
        assert f'id = "{new}"' in line
        both = configured("old-1", new)
        assert kinds(await planned(fake, **both), f"{new}: enable") == [StepKind.CHANGE]
        await done(fake, **both)
        assert [one["enabled"] for one in fake.keys] == [False, True]
        after = await planned(fake, request_of(remove_old=True), **both)
        assert kinds(after, "signature key") == [StepKind.KEEP] * 2
        last = await planned(fake, request_of(remove_old=True), **configured(new))
        assert kinds(last, "old-1") == [StepKind.REMOVE]
        await done(fake, request_of(remove_old=True), **configured(new))
        assert [one["key_id"] for one in fake.keys] == [new]
        end = await planned(fake, request_of(remove_old=True), **configured(new))
    assert {step.kind for step in end} == {StepKind.KEEP}


async def test_removing_waits_for_the_order_and_spares_the_new_key() -> None:
    """Old keys go where that is asked for alone; with a rotation the youngest is the new one and stays."""
    keys = [key(1), key(2, enabled=True), key(3)]
    async with fake_messagemedia(keys=keys) as fake:
        plain = await planned(fake, **configured("old-2"))
        assert (kinds(plain, "old-1"), kinds(plain, "old-3")) == ([StepKind.KEEP], [StepKind.MANUAL])
        rotating = await planned(fake, request_of(rotate=True, remove_old=True), **configured("old-2"))
        assert (kinds(rotating, "old-1"), kinds(rotating, "old-3")) == ([StepKind.REMOVE], [StepKind.MANUAL])
        assert kinds(rotating, "a signature key") == []
        removing = await planned(fake, request_of(remove_old=True), **configured("old-2"))
    assert (kinds(removing, "old-1"), kinds(removing, "old-3")) == ([StepKind.REMOVE], [StepKind.REMOVE])


async def test_enabled_key_that_nobody_knows() -> None:
    """Notifications signed with a key that the configuration lacks are refused: that is said, and rotation helps."""
    async with fake_messagemedia(keys=[key(1, enabled=True)]) as fake:
        assert kinds(await planned(fake), "old-1") == [StepKind.MANUAL]
        assert kinds(await planned(fake, request_of(rotate=True)), "a signature key") == [StepKind.CREATE]
        await done(fake, request_of(rotate=True))
        new = fake.keys[1]["key_id"]
        steps = await planned(fake, **configured(new))
    assert (kinds(steps, "old-1"), kinds(steps, f"{new}: enable")) == ([StepKind.KEEP], [StepKind.CHANGE])


async def test_key_that_is_gone() -> None:
    """A key of the configuration that the provider has not is told, in every plan."""
    async with fake_messagemedia(keys=[key(1, enabled=True)]) as fake:
        steps = await planned(fake, **configured("old-1", "lost"))
    assert (kinds(steps, "old-1"), kinds(steps, "lost")) == ([StepKind.KEEP], [StepKind.MANUAL])


async def test_keys_without_the_feature() -> None:
    """A 403 is a step for the operator: ask support, or use the secret header; the webhooks are set up all the same."""
    async with fake_messagemedia(keys_off=True) as fake:
        steps = await planned(fake)
        (step,) = [step for step in steps if "signature keys" in step.what]
        await done(fake)
    assert step.kind is StepKind.MANUAL
    assert "support" in step.detail
    assert "secret_header" in step.detail
    assert len(fake.webhooks) == 3


async def test_rotation_without_the_feature_names_what_proves_now() -> None:
    """An account with a secret header is told that it goes on proving the webhooks."""
    async with fake_messagemedia(keys_off=True) as fake:
        steps = await planned(fake, request_of(rotate=True), **HEADER)
    (step,) = [step for step in steps if step.kind is StepKind.MANUAL]
    assert "the secret header proves the webhooks" in step.detail


@pytest.mark.parametrize("error", [OSError(28, "No space left"), HooklineError("mm.pub: No space left")])
async def test_key_that_cannot_be_kept_is_told_whole(error: Exception) -> None:
    """The public key is told once: where no file can be written it stands in the line itself."""

    async def broken(_name: str, _text: str) -> str:
        raise error

    async with fake_messagemedia() as fake:
        told = await done(fake, request_of(broken))
        public = fake.keys[0]["public_key"]
    assert any(f'public_key = "{public}"' in line for line in told)
    assert any("No space left" in line for line in told)


@pytest.mark.parametrize(
    "made", [{}, {"key_id": "k1"}, {"public_key": "MIG"}, {"key_id": "../../etc", "public_key": "MIG"}]
)
async def test_key_without_its_parts(made: dict[str, str]) -> None:
    """A key without id or public key, or with an id that no file may have, is an error and kept nowhere."""
    keeper = Keeper()
    answers = (Reply({"pageData": []}), Reply([]), Reply(made, 201))
    async with api_answering(*answers) as api:
        found = setup(account_at(api.url), request_of(keeper))
        step = next(step for step in await found.plan() if "a signature key" in step.what)
        assert step.apply is not None
        with pytest.raises(UnreadableAnswerError):
            await step.apply()
        await found.close()
    assert keeper.files == {}


async def test_wrong_key_ends_the_plan() -> None:
    """A refusal that is not about the feature is an error."""
    async with api_answering(Reply({"pageData": []}), Reply({"message": "Invalid"}, 401)) as api:
        found = setup(account_at(api.url), request_of())
        with pytest.raises(AuthenticationError):
            await found.plan()
        await found.close()


async def test_provider_that_cannot_be_asked() -> None:
    """Without an answer there is no plan."""
    async with api_answering(Reply(b"<html>")) as api:
        found = setup(account_at(api.url), request_of())
        with pytest.raises(ApiError):
            await found.plan()
        await found.close()


def test_account_without_credentials() -> None:
    """What is missing is said."""
    with pytest.raises(AccountError, match="no api_key"):
        setup(account_at("https://x", api_key=None), request_of())
