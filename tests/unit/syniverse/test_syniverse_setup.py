"""Setting up Event Manager: the plan, what it creates, what it leaves to the operator."""

from collections.abc import Sequence
from typing import Any

import pytest

from providers.contract import Secret
from providers.rest.errors import AuthenticationError, UnreadableAnswerError
from providers.roles import SetupRequest, SetupStep, StepKind
from providers.syniverse.setup import SyniverseSetup, setup
from schemas.times import parse_time
from tests.support.syniverse_api import FakeApi, Reply, Seen, example, fake_api, refusal

URL = "https://hooks.example.com/webhooks/main"
NAME = "hookline-main"


class EventManagerCloud:
    """Event Manager with what it has been given."""

    def __init__(self, *, answers_ids: bool = True) -> None:
        self.deliveries: list[dict[str, Any]] = []
        self.subscriptions: list[dict[str, Any]] = []
        self.answers_ids = answers_ids

    def __call__(self, seen: Seen) -> Reply:
        """List and create, under the base of the documentation."""
        what = seen.path.removeprefix("/ess/v1/")
        if seen.method == "GET":
            found = {"delivery-configurations": self.deliveries, "topic-subscriptions": self.subscriptions}[what]
            return Reply(200, {"paged-result": {"offset": 0, "limit": 1000}, what: found})
        if what == "delivery-configurations":
            made = seen.json | {"id": str(1266 + len(self.deliveries))}
            self.deliveries.append(made)
            return Reply(200, {"id": made["id"]} if self.answers_ids else {})
        topic = what.split("/")[1]
        self.subscriptions.append(seen.json | {"id": "16301830", "topic-nm": topic, "match-crt": ""})
        return Reply(200, {})

    def delivery(self, **fields: Any) -> None:
        """Have a delivery configuration."""
        self.deliveries.append({"id": "1266", "del-cfg-nm": NAME, "addr": URL, "is-active": True} | fields)

    def subscription(self, **fields: Any) -> None:
        """Have a subscription."""
        self.subscriptions.append({"id": "1", "del-cfg-id": "1266", "topic-nm": "SCG-Message"} | fields)


def setup_of(api: FakeApi, url: str = URL, **settings: Any) -> SyniverseSetup:
    """Return the setup of an account."""
    # Nothing is kept: Event Manager shows no secret.
    keep: Any = None
    return setup(api.account(**settings), SetupRequest(url=url, keep=keep))


async def planned(api: FakeApi, cloud: Any, **settings: Any) -> Sequence[SetupStep]:
    """Return the plan of an account."""
    api.handler = cloud
    found = setup_of(api, **settings)
    try:
        return await found.plan()
    finally:
        await found.close()


def kinds(steps: Sequence[SetupStep]) -> list[StepKind]:
    """Return the kinds of the two steps that are the provider's."""
    return [step.kind for step in steps][:2]


async def applied(steps: Sequence[SetupStep]) -> list[str]:
    """Carry out a plan and return what it tells."""
    return [line for step in steps if step.apply for line in await step.apply()]


@pytest.mark.parametrize("answers_ids", [True, False])
async def test_new_account_gets_both(answers_ids: bool) -> None:
    """A delivery configuration and a subscription to the whole topic, as the documentation's samples have them."""
    cloud = EventManagerCloud(answers_ids=answers_ids)
    async with fake_api() as api:
        api.handler = cloud
        found = setup_of(api)
        steps = await found.plan()
        assert kinds(steps) == [StepKind.CREATE, StepKind.CREATE]
        assert {one.method for one in api.seen} == {"GET"}
        lines = await applied(steps)
        await found.close()
    posts = [one for one in api.seen if one.method == "POST"]
    assert [one.path for one in posts] == [
        "/ess/v1/delivery-configurations",
        "/ess/v1/topics/SCG-Message/subscriptions",
    ]
    assert posts[0].json == example("ess_delivery_configuration_create") | {"del-cfg-nm": NAME, "addr": URL}
    subscription = example("ess_topic_subscription_create") | {"start-date": posts[1].json["start-date"]}
    assert posts[1].json == subscription
    assert parse_time(posts[1].json["start-date"]) is not None
    assert lines[-1] == "subscribed"


async def test_second_run_keeps_both() -> None:
    """To run it again does no harm: nothing is created twice."""
    cloud = EventManagerCloud()
    async with fake_api() as api:
        api.handler = cloud
        first = setup_of(api)
        await applied(await first.plan())
        await first.close()
        steps = await planned(api, cloud)
    assert kinds(steps) == [StepKind.KEEP, StepKind.KEEP]
    assert (len(cloud.deliveries), len(cloud.subscriptions)) == (1, 1)


async def test_run_that_ended_half_way_is_taken_up() -> None:
    """The configuration is there: the subscription alone is made."""
    cloud = EventManagerCloud()
    cloud.delivery()
    async with fake_api() as api:
        steps = await planned(api, cloud)
        assert kinds(steps) == [StepKind.KEEP, StepKind.CREATE]


async def test_plan_that_is_applied_twice_subscribes_once() -> None:
    """A subscription that has come meanwhile is seen before another is made."""
    cloud = EventManagerCloud()
    cloud.delivery()
    async with fake_api() as api:
        api.handler = cloud
        found = setup_of(api)
        steps = await found.plan()
        await applied(steps)
        assert await applied(steps) == ["there is one meanwhile"]
        await found.close()
    assert len(cloud.subscriptions) == 1


async def test_configuration_of_another_name_that_posts_to_us_is_kept() -> None:
    """Somebody made it in the portal."""
    cloud = EventManagerCloud()
    cloud.delivery(**{"del-cfg-nm": "by-hand"})
    cloud.subscription()
    async with fake_api() as api:
        steps = await planned(api, cloud)
    assert kinds(steps) == [StepKind.KEEP, StepKind.KEEP]
    assert "by-hand" in steps[0].what


@pytest.mark.parametrize("fields", [{"addr": "https://old.example.com/"}, {"is-active": False}, {"del-fmt-cd": "XML"}])
async def test_what_differs_is_for_the_operator(fields: dict[str, Any]) -> None:
    """No call to change a configuration is documented."""
    cloud = EventManagerCloud()
    cloud.delivery(**fields)
    async with fake_api() as api:
        steps = await planned(api, cloud)
    assert steps[0].kind is StepKind.MANUAL
    assert "portal" in steps[0].detail


@pytest.mark.parametrize(
    ("subscriptions", "kind"),
    [
        ([{"evt-tp": "message_state_change"}], StepKind.MANUAL),
        ([{"match-crt": "to_address = '66000'"}], StepKind.MANUAL),
        ([{"topic-nm": "NIS-Events"}], StepKind.CREATE),
        ([{"del-cfg-id": "1647"}], StepKind.CREATE),
        ([{"end-date": "2021-01-01T00:00:00Z"}], StepKind.CREATE),
        ([{"end-date": "2199-01-01T00:00:00Z"}], StepKind.KEEP),
        (
            [
                {"evt-tp": "message_state_change"},
                {"evt-tp": "message_request_state_change"},
                {"evt-tp": "mo_message_received"},
            ],
            StepKind.KEEP,
        ),
    ],
    ids=["one type", "criteria", "another topic", "another configuration", "ended", "ends later", "all types"],
)
async def test_subscription_has_to_cover_all(subscriptions: list[dict[str, Any]], kind: StepKind) -> None:
    """All event types of ours, without criteria."""
    cloud = EventManagerCloud()
    cloud.delivery()
    for fields in subscriptions:
        cloud.subscription(**fields)
    async with fake_api() as api:
        steps = await planned(api, cloud)
    assert steps[1].kind is kind


async def test_published_list_of_subscriptions_is_read() -> None:
    """The example has one event type of our topic."""
    published = example("ess_topic_subscriptions_list")

    def cloud(seen: Seen) -> Reply:
        if seen.path.endswith("topic-subscriptions"):
            return Reply(200, published)
        return Reply(200, [{"del-cfg-id": 1266, "del-cfg-nm": NAME, "addr": URL}])

    async with fake_api() as api:
        steps = await planned(api, cloud)
    assert kinds(steps) == [StepKind.KEEP, StepKind.MANUAL]
    assert "mo_message_received" in steps[1].detail
    assert api.seen[-1].query == "limit=1000"


async def test_whitelist_and_credentials_are_for_the_operator() -> None:
    """Both have no documented call; without the first every delivery fails."""
    async with fake_api() as api:
        steps = await planned(api, EventManagerCloud())
    manual = {step.what: step.detail for step in steps if step.kind is StepKind.MANUAL}
    assert set(manual) == {"credentials", "whitelist"}
    assert "ticket" in manual["whitelist"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"basic": (Secret("user:hunter2", "env:SYNIVERSE_BASIC"),)}, "env:SYNIVERSE_BASIC"),
        ({"basic": ({"username": "ess", "password": Secret("hunter2", "env:PW")},)}, "user ess"),
        ({"bearer": (Secret("hunter2", "env:BEARER"),)}, "OAuth"),
        ({"mtls": {"header": "x-cert", "values": ("hunter2",)}}, "certificate"),
        ({}, "nothing else proves"),
    ],
)
async def test_credentials_are_named_and_not_shown(settings: dict[str, Any], words: str) -> None:
    """The operator reads where the secret is."""
    async with fake_api() as api:
        steps = await planned(api, EventManagerCloud(), **settings)
    details = " ".join(step.detail for step in steps)
    assert words in details
    assert "hunter2" not in details


async def test_configuration_that_is_not_listed_is_told() -> None:
    """A subscription needs its id, which nobody gave."""

    def cloud(seen: Seen) -> Reply:
        return Reply(200, {seen.path.rsplit("/", 1)[-1]: []} if seen.method == "GET" else {})

    async with fake_api() as api:
        api.handler = cloud
        found = setup_of(api)
        with pytest.raises(UnreadableAnswerError):
            await applied(await found.plan())
        await found.close()


async def test_refusal_is_told() -> None:
    """A token that Event Manager does not take ends the plan."""
    async with fake_api() as api:
        with pytest.raises(AuthenticationError):
            await planned(api, lambda _: refusal(401, "401"))
