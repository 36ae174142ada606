"""What the demo's final check is given: the books of each cloud, and the log by account."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hookline.demo.books import Stored, StoredCommand, StoredResult
from hookline.demo.collect import expected_of, stored_of
from hookline.demo.sites import PLACES, new_sites, strangers_of
from hookline.simulator.deliveries import Deliveries, content_digest
from providers.contract import Account
from providers.simulation import Forgery, Outgoing
from schemas.envelope import event_to_record
from schemas.events import (
    ConsentChanged,
    Event,
    MessageReceived,
    MessageReplied,
    RequestUpdated,
    SendCompleted,
    SendRequested,
)
from schemas.records import Record
from schemas.times import from_millis
from schemas.topics import WEBHOOKS, partition_key
from tests.support.embedded import opened
from tests.support.simulator import SmallCloud, outgoing
from tests.support.telnyx import event_body
from tests.support.telnyx_events import events_of

MAIN = Account(name="main", provider="telnyx")
NOW = from_millis(1_767_225_600_000)
ASKED, SENT = event_body("received_sms"), event_body("finalized_delivered")
COMMON: dict[str, Any] = {"provider": "telnyx", "account": "main", "received_at": NOW}


@dataclass
class Keeping(SmallCloud):
    """A cloud that keeps two items until they are confirmed, and was asked for three that it never had."""

    def unconfirmed(self) -> int:
        """Return two."""
        return 2

    def confirmed(self) -> int:
        """Return none."""
        return 0

    def strays(self) -> int:
        """Return three."""
        return 3


def delivered(body: bytes, *, asking: bool = False) -> Outgoing:
    """Return a delivery of a body."""
    return Outgoing(label="kind", body=lambda _: body, expects_reply=asking, message_id="named")


def raw(body: bytes, account: str, target: str = "/webhooks/x") -> Record:
    """Return a raw record under that account."""
    headers = (("ce_account", account.encode()), ("ce_provider", b"telnyx"), ("http_target", target.encode()))
    return Record(WEBHOOKS.name, b"key", body, headers, 1)


def test_the_books_hold_what_was_acknowledged() -> None:
    """Contents, events, what must be answered by the id of its event, and every message that was told of."""
    deliveries = Deliveries()
    deliveries.acknowledge(delivered(ASKED, asking=True), ASKED)
    deliveries.acknowledge(delivered(SENT), SENT)
    deliveries.forge(outgoing(forgery=Forgery.OLD), b"forged")
    found = expected_of(SmallCloud(), deliveries, ("out",), MAIN, NOW)
    asked, sent = events_of(ASKED), events_of(SENT)
    assert found.webhooks.keys() == {content_digest(ASKED), content_digest(SENT)}
    assert found.events.keys() == {event.id for event in (*asked, *sent)}
    assert (set(found.replies), set(found.silent)) == ({asked[0].id}, set())
    assert found.messages == {"named", asked[0].message_id, sent[0].message_id}
    assert (found.effects, set(found.forged)) == (("out",), {content_digest(b"forged")})
    assert (found.provider, found.unconfirmed, found.strays) == ("telnyx", 0, 0)


def test_what_needs_no_reply_must_have_none() -> None:
    """Such as an opt-out word that the provider has answered."""
    deliveries = Deliveries()
    deliveries.acknowledge(delivered(ASKED), ASKED)
    found = expected_of(SmallCloud(), deliveries, (), MAIN, NOW)
    assert (set(found.replies), set(found.silent)) == (set(), {events_of(ASKED)[0].id})


def test_a_cloud_that_wants_confirmations_tells_what_is_open() -> None:
    """And what it was asked to confirm without having it."""
    found = expected_of(Keeping(), Deliveries(), (), MAIN, NOW)
    assert (found.unconfirmed, found.strays) == (2, 3)


def test_two_accounts_at_one_provider_have_clouds_with_keys_of_their_own() -> None:
    """Nothing that proves the one proves the other; each gets webhooks of the other at its own URL."""
    sites = new_sites()
    assert [site.account for site in sites] == [place.account for place in PLACES]
    values = [value for site in sites for value in site.cloud.environment().values()]
    assert len(set(values)) == len(values)
    first, second = (site for site in sites if site.place.provider == "telnyx")
    assert (strangers_of(first, sites), strangers_of(second, sites)) == ([second.cloud], [first.cloud])


async def test_the_log_is_told_apart_by_account(tmp_path: Path) -> None:
    """Raw contents, events, commands and results, and the messages that each names."""
    other: dict[str, Any] = {**COMMON, "account": "second"}
    events: tuple[Event, ...] = (
        MessageReplied(**COMMON, id="e1", message_id="m1", related_message_id="m0"),
        SendRequested(**COMMON, id="c1", to="+12015550100", text="Yes", cause="e1", in_reply_to="m1"),
        RequestUpdated(**other, id="e2", request_id="q2", status="accepted"),
        SendCompleted(**other, id="r2", command_id="c2", outcome="sent", message_id="out2"),
    )
    async with opened(tmp_path / "log.db") as log:
        await log.append([raw(ASKED, "main"), raw(b"", "second", "/x?a=1"), *map(event_to_record, events)], 10.0)
        found = await stored_of(log)
    main, second = found["main"], found["second"]
    assert found.keys() == {"main", "second"}
    assert main == Stored(
        webhooks=frozenset({content_digest(ASKED)}),
        events=frozenset({"e1"}),
        commands=frozenset({StoredCommand("c1", "e1")}),
        names=frozenset({("e1", "m1"), ("e1", "m0"), ("c1", "m1")}),
        providers=frozenset({"telnyx"}),
    )
    assert second == Stored(
        webhooks=frozenset({content_digest(b"", "a=1")}),
        events=frozenset({"e2"}),
        results=frozenset({StoredResult("c2", "sent", "out2")}),
        names=frozenset({("e2", "q2"), ("r2", "out2")}),
        providers=frozenset({"telnyx"}),
    )


async def test_what_may_be_replaced_is_known_by_its_key(tmp_path: Path) -> None:
    """Both sides name the record of a consent by the same key."""
    event = ConsentChanged(**COMMON, id="e1", scope="account", number="+12015550100", consent="opted_out")
    async with opened(tmp_path / "log.db") as log:
        await log.append([event_to_record(event)], 10.0)
        assert (await stored_of(log))["main"].keys == {b"main|account|+12015550100"}
    deliveries, stop = Deliveries(), event_body("received_stop")
    deliveries.acknowledge(delivered(stop), stop)
    found = expected_of(SmallCloud(), deliveries, (), MAIN, NOW)
    assert found.keys
    assert found.keys == {one.id: partition_key(one) for one in events_of(stop) if isinstance(one, ConsentChanged)}


async def test_an_event_that_names_another_account_than_its_record_is_noticed(tmp_path: Path) -> None:
    """Header and data are written together; where they differ, one of them lies."""
    record = event_to_record(MessageReceived(**COMMON, id="e1"))
    headers = tuple((name, b"second" if name == "ce_account" else value) for name, value in record.headers)
    async with opened(tmp_path / "log.db") as log:
        await log.append([replace(record, headers=headers)], 10.0)
        assert (await stored_of(log))["second"].disguised == {"e1"}
