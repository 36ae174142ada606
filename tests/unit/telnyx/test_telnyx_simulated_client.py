"""Telnyx's client, sender, poll and setup against the simulated API."""

import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hookline.simulator.api import CloudApi
from providers.contract import Secret, SendReceipt, SendStatus
from providers.rest.errors import LimitError, NotFoundError, ProviderFaultError, RefusedError
from providers.rest.operations import operations_of
from providers.rest.transport import Tempo
from providers.roles import SetupRequest, StepKind
from providers.simulation import Misbehavior
from providers.telnyx.client import TelnyxClient
from providers.telnyx.models import Message
from providers.telnyx.normalize import normalize
from providers.telnyx.numbers import SLASHED_BULK_UPDATES
from providers.telnyx.polls import polls
from providers.telnyx.sending import sender
from providers.telnyx.setup import setup
from providers.telnyx.simulation.bodies import PROFILE
from providers.telnyx.simulation.cloud import TelnyxCloud
from providers.telnyx.simulation.numbers import SHORT_CODE
from providers.telnyx.simulation.telling import OURS
from schemas.events import ConsentChanged, SendRequested
from schemas.vocabulary import FailureClass
from tests.support.simulated import SEED, account_of, api_of, polled
from tests.support.telnyx_cloud import OTHER, PERSON, shown, traffic_of

TEXT = "Open 9 to 17."
HOOK = "https://hooks.example.com/webhooks/main"
SENDS: dict[str, dict[str, Any]] = {
    "send": {"from_": OURS, "to": PERSON, "text": TEXT},
    "send_whatsapp": {
        "from_": OURS,
        "to": PERSON,
        "whatsapp_message": {"type": "text", "text": {"body": TEXT}},
    },
    "send_group_mms": {"from_": OURS, "to": [PERSON, OTHER], "text": TEXT},
    "send_long_code": {"from_": OURS, "to": PERSON, "text": TEXT},
    "send_number_pool": {"to": PERSON, "messaging_profile_id": PROFILE, "text": TEXT},
    "send_short_code": {"from_": SHORT_CODE, "to": PERSON, "text": TEXT},
}


@dataclass(frozen=True, slots=True)
class Bench:
    """A cloud whose API is served, and a client of its account."""

    cloud: TelnyxCloud
    api: CloudApi
    base_url: str
    client: TelnyxClient


@asynccontextmanager
async def bench(**options: Any) -> AsyncGenerator[Bench]:
    """Serve a cloud and give a client with the key of its account."""
    cloud = TelnyxCloud(SEED)
    async with api_of(cloud) as (api, base_url):
        key: Secret = account_of(cloud).settings["api_key"]
        async with TelnyxClient(key, base_url=base_url, tempo=Tempo(timeout=5.0), **options) as client:
            yield Bench(cloud, api, base_url, client)


def who_left(cloud: TelnyxCloud) -> Sequence[str]:
    """Return who is opted out after a round of traffic of one minute ago."""
    now = time.time()
    traffic_of(cloud, now=now - 60.0)
    return [entry["to"] for entry in shown(cloud, "/messaging_optouts", now)]


@pytest.mark.parametrize("name", list(SENDS))
async def test_the_client_sends_by_every_path(name: str) -> None:
    """The message is there afterwards, once; the same key again makes no second one, and other words are refused."""
    async with bench() as made:
        send = getattr(made.client, name)
        sent: Message = await send(**SENDS[name], idempotency_key="key:1")
        again: Message = await send(**SENDS[name], idempotency_key="key:1")
        with pytest.raises(RefusedError) as caught:
            await send(**{**SENDS[name], "to": [OTHER] if name == "send_group_mms" else OTHER}, idempotency_key="key:1")
        found = await made.client.retrieve(sent.id or "")
    assert made.api.effects == (sent.id,) == (again.id,)
    assert (caught.value.status, found.id, len(found.to)) == (422, sent.id, 2 if name == "send_group_mms" else 1)


async def test_the_client_schedules_reads_and_cancels() -> None:
    """What is cancelled stays so; a second time it is refused, and of what is not there too."""
    async with bench() as made:
        later = datetime.now(UTC) + timedelta(hours=1)
        sent = await made.client.schedule(from_=OURS, to=PERSON, text=TEXT, send_at=later)
        found = await made.client.retrieve(sent.id or "")
        cancelled = await made.client.cancel_scheduled(sent.id or "")
        with pytest.raises(RefusedError) as caught:
            await made.client.cancel_scheduled(sent.id or "")
        with pytest.raises(NotFoundError):
            await made.client.cancel_scheduled("5e5e0000-0000-4000-8000-00000000dddd")
    assert [one.to[0].status for one in (sent, found, cancelled)] == ["scheduled", "scheduled", "cancelled"]
    assert caught.value.status == 403
    assert found.send_at is not None
    assert abs(found.send_at - later) < timedelta(seconds=1)


async def test_the_client_reads_what_a_person_wrote() -> None:
    """By the id that a webhook told."""
    async with bench() as made:
        inbound = [one for one in traffic_of(made.cloud, now=time.time()) if one.label == "message.received"]
        message_id = next(one.message_id for one in inbound if not one.forgery)
        found = await made.client.retrieve(message_id or "")
    assert (found.id, found.direction) == (message_id, "inbound")


async def test_the_client_lists_opt_outs() -> None:
    """With every filter; hidden only where that is asked for."""
    async with bench() as made:
        people = who_left(made.cloud)
        begin, end = (datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (-5, 5))
        asked: dict[str, Any] = {"filter_messaging_profile_id": PROFILE, "filter_from": OURS, "page_size": 1}
        found = [one async for one in made.client.list_opt_outs(**asked, created_at_gte=begin, created_at_lte=end)]
        hidden = [one.to async for one in made.client.list_opt_outs(redaction_enabled=True)]
        none = [one async for one in made.client.list_opt_outs(created_at_gte=end)]
    assert [one.to for one in found] == people
    assert [one.keyword for one in found] == ["STOP"]
    assert found[0].created_at is not None
    assert begin < found[0].created_at < end
    assert (hidden, none) == ([f"{people[0][:-4]}****"], [])


async def test_a_text_to_who_opted_out_is_told_apart() -> None:
    """By client and sender alike: it is an opt-out, not a wrong number."""
    async with bench() as made:
        (person,) = who_left(made.cloud)
        with pytest.raises(RefusedError) as caught:
            await made.client.send(from_=OURS, to=person, text=TEXT)
        receipt = await sent_by_command(made, person)
    assert [error.title for error in caught.value.errors] == ["Blocked due to STOP message"]
    assert (receipt.status, receipt.failure_class) == (SendStatus.REFUSED, FailureClass.OPT_OUT)
    assert made.api.effects == ()


async def sent_by_command(made: Bench, person: str) -> SendReceipt:
    """Return what the sender says of a command."""
    received = datetime.fromtimestamp(0, UTC)
    named: dict[str, Any] = {"id": "c1", "provider": "telnyx", "account": "main", "received_at": received}
    command = SendRequested(**named, from_=OURS, to=person, text=TEXT)
    sending = sender(account_of(made.cloud, made.base_url))
    receipt = await sending.send(command.id, sending.prepare(command))
    await sending.close()
    return receipt


async def test_the_sender_of_telnyx_is_understood() -> None:
    """A command becomes a message, once."""
    async with bench() as made:
        receipts = [await sent_by_command(made, PERSON) for _ in range(2)]
    assert [one.status for one in receipts] == [SendStatus.ACCEPTED] * 2
    assert {(one.message_id,) for one in receipts} == {made.api.effects}


async def test_the_client_reads_and_changes_numbers() -> None:
    """A page at a time; null keeps the profile, the empty text takes it away."""
    async with bench() as made:
        client = made.client
        numbers = [one async for one in client.list_number_settings(sort_phone_number="asc", page_size=1)]
        asked: dict[str, Any] = {"filter_messaging_profile_id": PROFILE, "filter_phone_number_contains": "773"}
        longcodes = [one async for one in client.list_number_settings(**asked, filter_type="longcode")]
        mine = [one async for one in client.list_number_settings(filter_phone_number=[OURS, SHORT_CODE])]
        mobile = [one async for one in client.list_mobile_number_settings(page_number=1, page_size=250)]
        kept = await client.update_number_settings(mine[0].id or "", messaging_profile_id=None, tags=["shop"])
        freed = await client.update_number_settings(mine[0].id or "", messaging_profile_id="")
        read = await client.retrieve_number_settings(mine[0].id or "")
        read_mobile = await client.retrieve_mobile_number_settings(mobile[0].id or "")
    assert (len(numbers), len(longcodes), len(mine), len(mobile)) == (4, 2, 2, 1)
    assert [one.phone_number for one in numbers] == sorted(one.phone_number or "" for one in numbers)
    assert (kept.messaging_profile_id, kept.tags, freed.messaging_profile_id) == (PROFILE, ("shop",), None)
    assert (read, read_mobile) == (freed, mobile[0])


async def test_the_client_changes_many_numbers() -> None:
    """Under the underscore path; an order of nobody is not found under either."""
    async with bench() as made:
        order = await made.client.create_bulk_update(
            messaging_profile_id="", numbers=[OURS, "+13125550199"], assign_only=False
        )
        found = await made.client.retrieve_bulk_update(order.order_id or "")
        with pytest.raises(NotFoundError):
            await made.client.retrieve_bulk_update("nobody's")
    assert (order.pending, order.failed) == ((OURS,), ("+13125550199",))
    assert OURS in {*found.pending, *found.success}


async def test_the_slashed_path_is_not_there() -> None:
    """Who insists on it finds nothing."""
    async with bench(bulk_updates_path=SLASHED_BULK_UPDATES) as made:
        with pytest.raises(NotFoundError):
            await made.client.create_bulk_update(messaging_profile_id="", numbers=[OURS])
    assert made.api.statuses == {404: 1}


def test_every_operation_is_asked_here() -> None:
    """All 17 are called by the tests of this file."""
    here = Path(__file__).read_text(encoding="utf-8")
    names = set(operations_of(TelnyxClient(Secret("K", "env:K"))))
    assert len(names) == 17
    assert {name for name in names - SENDS.keys() if f"client.{name}(" not in here} == set()


async def test_limits_are_found_before_the_call() -> None:
    """A ninth of a group, and a page of 251."""
    async with bench() as made:
        with pytest.raises(LimitError):
            await made.client.send_group_mms(from_=OURS, to=[PERSON] * 9)
        with pytest.raises(LimitError):
            made.client.list_opt_outs(page_size=251)
    assert made.api.statuses == {}


async def test_the_client_of_telnyx_waits_and_repeats_with_its_key() -> None:
    """After 429 and 500 a send is made again, to one effect; an order is not."""
    async with bench() as made:
        for kind in (Misbehavior.RATE_LIMIT, Misbehavior.SERVER_ERROR):
            made.api.misbehave(kind)
            await made.client.send(from_=OURS, to=PERSON, text=TEXT)
        made.api.misbehave(Misbehavior.SERVER_ERROR)
        with pytest.raises(ProviderFaultError):
            await made.client.create_bulk_update(messaging_profile_id="", numbers=[OURS])
    assert (made.api.statuses, len(made.api.effects)) == ({429: 1, 200: 2, 500: 2}, 2)


async def test_the_poll_tells_who_opted_out_once() -> None:
    """An item is an event of consent; without anything new the next poll has none."""
    async with bench() as made:
        people = who_left(made.cloud)
        (poll,) = polls(account_of(made.cloud, made.base_url))
        rounds: list[list[str | None]] = []
        for _ in range(2):
            batch = await poll.check()
            await poll.stored(batch)
            webhooks = [polled("telnyx", one.target, json.loads(one.body)) for one in batch.items]
            events = [event for webhook in webhooks for event in normalize(webhook)]
            rounds.append([event.number for event in events if isinstance(event, ConsentChanged)])
        await poll.close()
    assert rounds == [list(people), []]
    assert len(people) == 1


async def test_setting_up_points_the_profile_at_us() -> None:
    """It changes the URL once; a second time all is as wished."""
    async with bench() as made:
        kinds: list[StepKind] = []
        for _ in range(2):
            preparing = setup(account_of(made.cloud, made.base_url), SetupRequest(url=HOOK, keep=kept))
            for step in await preparing.plan():
                kinds.append(step.kind)
                if step.apply is not None:
                    await step.apply()
            await preparing.close()
    (profile,) = shown(made.cloud, "/messaging_profiles")
    assert kinds == [StepKind.CHANGE, StepKind.KEEP]
    assert (profile["webhook_url"], profile["webhook_api_version"]) == (HOOK, "2")


async def kept(name: str, text: str) -> str:
    """Fail: Telnyx shows nothing that would have to be kept."""
    raise AssertionError(name, text)
