"""Syniverse's client, sender, polls and read-back against the simulated API."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from providers.contract import Account, Secret, SendStatus
from providers.rest.errors import AuthenticationError, ConflictError, LimitError, ProviderFaultError
from providers.rest.transport import Tempo
from providers.roles import Corroboration, SetupRequest, StepKind
from providers.simulation import Misbehavior
from providers.syniverse import access
from providers.syniverse.api.models import Attachment, MessageRequest
from providers.syniverse.api.paths import MESSAGES
from providers.syniverse.api.people import Contact, ContactGroup
from providers.syniverse.client import SyniverseClient
from providers.syniverse.confirming import confirmer
from providers.syniverse.normalize import normalize
from providers.syniverse.polls import polls
from providers.syniverse.read_back import ReadBack
from providers.syniverse.sending import sender
from providers.syniverse.setup import setup
from providers.syniverse.simulation.bodies import SENDER
from providers.syniverse.simulation.cloud import SyniverseCloud
from providers.syniverse.simulation.stories import STORIES
from schemas.events import Event, InboundMessage, SendRequested
from tests.support.simulated import NOW, QUICK, SEED, account_of, api_of, moving, polled, request_of, told, webhook_of

PERSON = "+12015550100"
TEXT = MessageRequest(from_=f"sender_id:{SENDER}", to=(PERSON,), body="Open 9 to 17.", external_id="c1")


def client_of(made: SyniverseCloud, base_url: str) -> SyniverseClient:
    """Return a client that can refresh its token, and keeps the new one in memory alone."""
    names = made.environment()
    return SyniverseClient(
        Secret(names["SYNIVERSE_TOKEN"], "env:T"),
        consumer_key=Secret(names["SYNIVERSE_CONSUMER_KEY"], "env:K"),
        consumer_secret=Secret(names["SYNIVERSE_CONSUMER_SECRET"], "env:S"),
        base_url=base_url,
        tempo=QUICK,
    )


def events_of(made: SyniverseCloud, account: Account) -> list[Event]:
    """Return the events of a round of genuine deliveries."""
    genuine = [outgoing for outgoing in told(made, len(STORIES)) if outgoing.forgery is None]
    webhooks = [webhook_of("syniverse", request_of(made, outgoing)) for outgoing in genuine]
    return [event for webhook in webhooks for event in normalize(webhook, account.settings)]


async def test_the_client_sends_and_reads() -> None:
    """The request is there afterwards, and is found by the id that we gave it."""
    made = SyniverseCloud(SEED)
    async with api_of(made, moving()) as (api, base_url), client_of(made, base_url) as client:
        request_id = (await client.message_requests.create(TEXT)).id or ""
        found = await client.message_requests.find_by_external_id("c1")
        messages = [one async for one in client.message_requests.messages(request_id)]
    assert api.effects == (request_id,)
    assert found is not None
    assert (found.id, [one.to_address for one in messages]) == (request_id, [PERSON])


async def test_pages_are_read_to_their_end() -> None:
    """The ceiling of the server is met, and every item comes once."""
    made = SyniverseCloud(SEED)
    async with api_of(made) as (_, base_url), client_of(made, base_url) as client:
        ids = [(await client.contacts.create(Contact(first_name=str(number)))).id for number in range(55)]
        found = [one.id async for one in client.contacts.list(limit=1000)]
    assert found == ids


async def test_members_are_added_in_part() -> None:
    """Who could not be added is told, typed."""
    made = SyniverseCloud(SEED)
    async with api_of(made) as (_, base_url), client_of(made, base_url) as client:
        person = (await client.contacts.create(Contact(first_name="Ada"))).id or ""
        group = (await client.contact_groups.create(ContactGroup(name="all"))).id or ""
        partial = await client.contact_group_members.add(group, [person, "nobody"])
        assert list(partial.errors) == ["nobody"]
        assert [one.id async for one in client.contact_group_members.list(group)] == [person]


async def test_a_file_goes_up_and_comes_down() -> None:
    """The client makes the tokens that it takes."""
    made = SyniverseCloud(SEED)
    async with api_of(made) as (_, base_url), client_of(made, base_url) as client:
        wanted = Attachment(name="a", type="image/gif", filename="a.gif")
        file = (await client.attachments.create(wanted)).id or ""
        await client.attachments.upload(file, b"GIF89a")
        assert await client.attachments.download(file) == b"GIF89a"


async def test_a_token_that_ended_is_refreshed_once_for_all() -> None:
    """Five calls at once meet the end, and go on with one new token."""
    made = SyniverseCloud(SEED)
    async with api_of(made) as (api, base_url), client_of(made, base_url) as client:
        await client.contacts.create(Contact(first_name="Ada"))
        api.misbehave(Misbehavior.EXPIRED_TOKEN)
        await asyncio.gather(*(client.contacts.create(Contact(first_name=str(number))) for number in range(5)))
        assert len([one async for one in client.contacts.list()]) == 6
    assert api.statuses[401] <= 5
    assert made.environment()["SYNIVERSE_TOKEN"] != SyniverseCloud(SEED).environment()["SYNIVERSE_TOKEN"]


async def test_without_a_secret_an_ended_token_stays_ended() -> None:
    """The error says what is wrong."""
    made = SyniverseCloud(SEED)
    async with api_of(made) as (api, base_url):
        client = access.client(account_of(made, base_url), QUICK)
        api.misbehave(Misbehavior.EXPIRED_TOKEN)
        with pytest.raises(AuthenticationError):
            await client.contacts.create(Contact(first_name="Ada"))
        await client.close()


async def test_a_refreshed_token_is_kept_in_its_file(tmp_path: Path) -> None:
    """The next process goes on with it, although its configuration has the old one."""
    made = SyniverseCloud(SEED)
    names = made.environment()
    async with api_of(made) as (api, base_url):
        account = account_of(
            made,
            base_url,
            token_file=str(tmp_path / "token"),
            consumer_key=Secret(names["SYNIVERSE_CONSUMER_KEY"], "env:K"),
            consumer_secret=Secret(names["SYNIVERSE_CONSUMER_SECRET"], "env:S"),
        )
        api.misbehave(Misbehavior.EXPIRED_TOKEN)
        for _ in range(2):
            client = access.client(account, QUICK)
            await client.contacts.create(Contact(first_name="Ada"))
            await client.close()
    assert api.statuses[401] == 1


async def test_a_stale_version_is_one_call_to_the_caller() -> None:
    """Read, apply, write, again where somebody came before; not for ever."""
    made = SyniverseCloud(SEED)
    async with api_of(made) as (api, base_url), client_of(made, base_url) as client:
        person = (await client.contacts.create(Contact(first_name="Ada", last_name="L"))).id or ""
        api.misbehave(Misbehavior.STALE_VERSION, 2)
        await client.contacts.update(person, Contact(first_name="Bea"))
        found = await client.contacts.get(person)
        assert (found.first_name, found.last_name, found.version_number) == ("Bea", "L", 4)
        api.misbehave(Misbehavior.STALE_VERSION, 100)
        with pytest.raises(ConflictError):
            await client.contacts.replace(person, Contact(first_name="Cea"))
    assert api.statuses[409] >= 3


async def test_a_text_is_never_sent_twice() -> None:
    """After a failure of the server the client does not repeat it; the limit of a group is refused before."""
    made = SyniverseCloud(SEED)
    async with api_of(made) as (api, base_url), client_of(made, base_url) as client:
        api.misbehave(Misbehavior.SERVER_ERROR)
        with pytest.raises(ProviderFaultError):
            await client.message_requests.create(TEXT)
        with pytest.raises(LimitError):
            await client.message_requests.create(MessageRequest(from_=SENDER, to=(PERSON,) * 11, group_mms=True))
    assert (api.statuses, api.effects) == ({500: 1}, ())


@pytest.mark.parametrize("lost", [False, True])
async def test_a_command_is_sent_once(*, lost: bool) -> None:
    """Where the answer broke off in the middle it is looked up, and found."""
    made = SyniverseCloud(SEED)
    command = SendRequested(
        id="c1",
        provider="syniverse",
        account="main",
        received_at=datetime.fromtimestamp(NOW, UTC),
        to=PERSON,
        text="Open 9 to 17.",
        sender_id=SENDER,
    )
    async with api_of(made) as (api, base_url):
        sending = sender(account_of(made, base_url))
        if lost:
            api.misbehave(Misbehavior.HALF_OPEN)
        first = await sending.send(command.id, sending.prepare(command))
        await sending.close()
    assert (first.status, (first.message_id,)) == (SendStatus.ACCEPTED, api.effects)


async def test_the_inbound_poll_takes_what_people_wrote_and_marks_it() -> None:
    """Each message once, under the id of its push; afterwards nothing is left."""
    made = SyniverseCloud(SEED)
    async with api_of(made, moving(NOW + 1)) as (_, base_url):
        account = account_of(made, base_url, polls=("inbound",))
        pushed = {event.id for event in events_of(made, account) if isinstance(event, InboundMessage)}
        waiting = made.unconfirmed()
        (poll,) = polls(account, Tempo(first_pause=0.001, clock=moving(NOW + 10)))
        found: list[Event] = []
        while (batch := await poll.check()).items:
            await poll.stored(batch)
            webhooks = [polled("syniverse", MESSAGES, json.loads(item.body)) for item in batch.items]
            found += [event for webhook in webhooks for event in normalize(webhook, account.settings)]
        await poll.close()
    assert {event.id for event in found if isinstance(event, InboundMessage)} == pushed
    assert (made.unconfirmed(), made.confirmed(), made.strays()) == (0, waiting, 0)


async def test_what_was_pushed_can_be_marked() -> None:
    """The confirmer takes its ids from the events."""
    made = SyniverseCloud(SEED)
    async with api_of(made, moving(NOW + 1)) as (_, base_url):
        account = account_of(made, base_url)
        confirming = confirmer(account)
        assert confirming is not None
        wanted = dict.fromkeys(filter(None, map(confirming.confirmation, events_of(made, account))))
        await confirming.confirm(list(wanted))
        await confirming.close()
    assert (made.unconfirmed(), made.confirmed(), made.strays()) == (0, len(wanted), 0)


async def test_what_the_cloud_tells_can_be_read_back() -> None:
    """No genuine event is contradicted; one of a message that never was is, once REST cannot lag any more."""
    made = SyniverseCloud(SEED)
    async with api_of(made, moving(NOW + 1)) as (_, base_url):
        account = account_of(made, base_url)
        reading = ReadBack(access.client(account, QUICK))
        assert await reading.corroborate(events_of(made, account), 30.0) is Corroboration.CONFIRMED
        forged = [outgoing for outgoing in told(made, len(STORIES)) if outgoing.forgery is not None]
        webhook = webhook_of("syniverse", request_of(made, forged[0]))
        later = replace(webhook, received_at=webhook.received_at + timedelta(minutes=10))
        assert await reading.corroborate(normalize(webhook, account.settings), 30.0) is Corroboration.UNKNOWN
        assert await reading.corroborate(normalize(later, account.settings), 30.0) is Corroboration.CONTRADICTED
        await reading.close()


async def test_setting_up_twice_changes_nothing_the_second_time() -> None:
    """Event Manager then delivers to us, and knows it."""
    made = SyniverseCloud(SEED)

    async def keep(name: str, text: str) -> str:
        raise AssertionError((name, text))

    async with api_of(made) as (api, base_url):
        account = account_of(made, base_url)
        created: list[int] = []
        for _ in range(2):
            preparing = setup(account, SetupRequest(url="https://example.com/webhooks/main", keep=keep))
            steps = await preparing.plan()
            created.append(sum(step.kind is StepKind.CREATE for step in steps))
            for step in steps:
                if step.apply is not None:
                    await step.apply()
            await preparing.close()
    assert (created, api.statuses[201]) == ([2, 0], 2)


async def test_twenty_at_the_same_item_all_get_their_change_in() -> None:
    """Each reads, applies and writes in its turn."""
    made = SyniverseCloud(SEED)
    async with api_of(made) as (_, base_url), client_of(made, base_url) as client:
        contact = (await client.contacts.create(Contact(first_name="Ann"))).id or ""
        changes = (client.contacts.update(contact, Contact(last_name=f"N{number}")) for number in range(20))
        await asyncio.gather(*changes)
        found = await client.contacts.get(contact)
    assert found.first_name == "Ann"
    assert found.version_number == 21
