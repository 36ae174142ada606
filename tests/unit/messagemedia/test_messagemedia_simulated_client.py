"""MessageMedia's client, polls and confirmations against the simulated API."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.contract import Secret, SendStatus, Verdict
from providers.messagemedia import access
from providers.messagemedia.api.limits import MOST_CONFIRMED
from providers.messagemedia.api.models import NewMessage
from providers.messagemedia.api.queues import DELIVERY_REPORTS, REPLIES
from providers.messagemedia.client import MessageMediaClient
from providers.messagemedia.confirming import confirmer
from providers.messagemedia.normalize import normalize
from providers.messagemedia.polls import QueuePoll
from providers.messagemedia.sending import sender
from providers.messagemedia.setup import setup
from providers.messagemedia.signature import verifier
from providers.messagemedia.simulation.cloud import MessageMediaCloud
from providers.messagemedia.simulation.stories import STORIES
from providers.rest.errors import ConflictError, LimitError, NotFoundError, ProviderFaultError, RefusedError
from providers.roles import SetupRequest
from providers.simulation import Misbehavior
from schemas.events import SendRequested
from tests.support.simulated import NOW, QUICK, SEED, account_of, api_of, moving, request_of, told, webhook_of

PERSON = "+12015550100"


def client_of(made: MessageMediaCloud, base_url: str, authentication: str = "basic") -> MessageMediaClient:
    """Return a client with the credentials of the cloud's account."""
    settings = account_of(made, base_url).settings
    key, secret = settings["api_key"], settings["api_secret"]
    return MessageMediaClient(key, secret, base_url, authentication=authentication, tempo=QUICK)


@pytest.mark.parametrize("authentication", ["basic", "hmac-sha256", "hmac-sha1"])
async def test_the_client_sends_with_every_proof(authentication: str) -> None:
    """The message is there afterwards, once."""
    made = MessageMediaCloud(SEED)
    async with api_of(made) as (api, base_url), client_of(made, base_url, authentication) as client:
        sent = await client.send(content="Open 9 to 17.", destination_number=PERSON)
        found = await client.get_message(sent.message_id or "")
    assert api.effects == (sent.message_id,)
    assert found.content == "Open 9 to 17."


async def test_the_client_sends_many_and_cancels() -> None:
    """Ids come in the order of the messages; what is scheduled can be cancelled."""
    made = MessageMediaCloud(SEED)
    later = datetime.now(UTC) + timedelta(days=1)
    messages = [NewMessage(content=text, destination_number=PERSON, scheduled=later) for text in "abc"]
    async with api_of(made) as (api, base_url), client_of(made, base_url) as client:
        sent = await client.send_many(messages)
        cancelled = await client.cancel_message(sent[1].message_id or "")
        with pytest.raises(RefusedError) as refused:
            await client.cancel_message(sent[1].message_id or "")
    assert refused.value.errors[0].title == "Message is not currently scheduled"
    assert api.effects == tuple(one.message_id for one in sent)
    assert cancelled.status == "cancelled"


async def test_webhooks_keys_and_blacklist_through_the_client() -> None:
    """The groups of operations find what they made."""
    made = MessageMediaCloud(SEED)
    webhook: dict[str, Any] = {"url": "https://example.com/a", "method": "POST", "encoding": "JSON"}
    async with api_of(made) as (_, base_url), client_of(made, base_url) as client:
        created = await client.webhooks.create(**webhook, events=["RECEIVED_SMS"])
        with pytest.raises(ConflictError):
            await client.webhooks.create(**webhook, events=["RECEIVED_SMS"])
        assert [one.id async for one in client.webhooks.list()] == [created.id]
        key = await client.signature_keys.create(digest="SHA256", cipher="RSA")
        await client.signature_keys.enable(key_id=key.key_id or "")
        assert (await client.signature_keys.get_enabled()).key_id == key.key_id
        await client.blacklist.add([PERSON])
        assert [number async for number in client.blacklist.list()] == [PERSON]
        await client.blacklist.remove(PERSON)
        with pytest.raises(NotFoundError):
            await client.blacklist.remove(PERSON)


async def test_polls_empty_the_queues() -> None:
    """Check, store, confirm, until nothing is left; each item once."""
    made = MessageMediaCloud(SEED)
    told(made, 4 * len(STORIES))
    waiting = made.unconfirmed()
    async with api_of(made, moving()) as (_, base_url), client_of(made, base_url) as client:
        stored: list[bytes] = []
        for queue in (REPLIES, DELIVERY_REPORTS):
            poll = QueuePoll(client, queue, 60.0)
            while (batch := await poll.check()).items:
                await poll.stored(batch)
                stored += [item.body for item in batch.items]
    assert (len(stored), len(set(stored)), waiting > MOST_CONFIRMED) == (waiting, waiting, True)
    assert (made.unconfirmed(), made.confirmed(), made.strays()) == (0, waiting, 0)


async def test_what_was_pushed_can_be_confirmed() -> None:
    """The confirmer takes its ids from the events; none is a stray."""
    made = MessageMediaCloud(SEED)
    events = [
        event
        for outgoing in told(made, len(STORIES))
        if outgoing.forgery is None
        for event in normalize(webhook_of("messagemedia", request_of(made, outgoing)))
    ]
    before = made.unconfirmed()
    async with api_of(made, moving()) as (_, base_url):
        confirming = confirmer(account_of(made, base_url))
        assert confirming is not None
        wanted = dict.fromkeys(filter(None, map(confirming.confirmation, events)))
        for kind in {one.kind for one in wanted}:
            await confirming.confirm([one for one in wanted if one.kind == kind][: confirming.batch_size])
        await confirming.close()
    assert (made.confirmed(), made.strays()) == (len(wanted), 0)
    assert 0 < made.unconfirmed() == before - len(wanted)


async def test_101_ids_are_refused_by_the_client_too() -> None:
    """Before the call."""
    made = MessageMediaCloud(SEED)
    async with api_of(made) as (api, base_url), client_of(made, base_url) as client:
        with pytest.raises(LimitError):
            await client.confirm_replies([str(number) for number in range(101)])
    assert api.statuses == {}


async def test_the_client_waits_out_a_limit_and_repeats_reads_alone() -> None:
    """After 429 with Retry-After it asks again; after 500 a read again, a text never."""
    made = MessageMediaCloud(SEED)
    async with api_of(made) as (api, base_url), client_of(made, base_url) as client:
        api.misbehave(Misbehavior.RATE_LIMIT)
        assert await client.check_replies() == ()
        api.misbehave(Misbehavior.SERVER_ERROR)
        assert await client.check_replies() == ()
        api.misbehave(Misbehavior.SERVER_ERROR)
        with pytest.raises(ProviderFaultError):
            await client.send(content="x", destination_number=PERSON)
    assert (api.statuses, api.effects) == ({200: 2, 429: 1, 500: 2}, ())


async def test_the_sender_is_understood() -> None:
    """A command becomes a message whose reports come back."""
    made = MessageMediaCloud(SEED)
    command = SendRequested(
        id="c1",
        provider="messagemedia",
        account="main",
        received_at=datetime.fromtimestamp(NOW, UTC),
        to=PERSON,
        text="Open 9 to 17.",
    )
    async with api_of(made) as (api, base_url):
        sending = sender(account_of(made, base_url))
        receipt = await sending.send(command.id, sending.prepare(command))
        await sending.close()
    assert (receipt.status, (receipt.message_id,)) == (SendStatus.ACCEPTED, api.effects)
    assert made.unconfirmed() == 3


async def test_an_account_of_the_cloud_has_a_client() -> None:
    """The settings that the cloud writes are those that the provider reads."""
    made = MessageMediaCloud(SEED)
    async with api_of(made) as (_, base_url):
        client = access.client(account_of(made, base_url))
        assert json.dumps((await client.get_credits()).raw) == '{"credits": 1000}'
        await client.close()


async def test_setting_up_makes_webhooks_and_a_key_that_signs_afterwards() -> None:
    """A new key is made and kept, then, when the account knows it, enabled; a third time nothing is new."""
    made = MessageMediaCloud(SEED)
    account = account_of(made)
    keys = list(account.settings["keys"])

    async def keep(name: str, text: str) -> str:
        key_id = name.removeprefix("main-").removesuffix(".pub")
        keys.append({"id": key_id, "digest": "SHA256", "public_key": Secret(text, f"file:{name}")})
        return f"file:{name}"

    done: list[int] = []
    async with api_of(made) as (_, base_url):
        for rotate in (True, False, False):
            request = SetupRequest(url="https://example.com/webhooks/main", keep=keep, rotate=rotate)
            preparing = setup(account_of(made, base_url, keys=tuple(keys)), request)
            steps = [step for step in await preparing.plan() if step.apply is not None]
            for step in steps:
                assert step.apply is not None
                await step.apply()
            done.append(len(steps))
            await preparing.close()
    delivery = request_of(made, next(one for one in told(made, len(STORIES)) if one.forgery is None))
    assert (done, delivery.header("x-messagemedia-key-id")) == ([4, 1, 0], keys[-1]["id"])
    assert verifier(account_of(made, keys=tuple(keys))).verify(delivery, NOW).verdict is Verdict.VERIFIED
