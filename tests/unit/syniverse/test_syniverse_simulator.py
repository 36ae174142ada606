"""The simulated Syniverse: its events are proved by a password, a forgery is not, and it tells of everything."""

import json
import tomllib
from collections.abc import Sequence

import pytest

from providers.contract import Verdict
from providers.registry import cloud
from providers.simulation import Cloud, Forgery, Outgoing
from providers.syniverse.normalize import normalize
from providers.syniverse.signature import verifier
from providers.syniverse.simulation.cloud import SyniverseCloud
from providers.syniverse.simulation.stories import STORIES
from schemas.events import (
    ConsentChanged,
    DeliveryUpdated,
    Event,
    InboundMessage,
    LinkClicked,
    MessageReceived,
    ProviderNotified,
    RequestUpdated,
    WebhookUnrecognized,
)
from tests.support.simulated import NOW, SEED, account_of, is_due, request_of, told, webhook_of

ROUND = len(STORIES)


def events_of(made: Cloud, outgoing: Outgoing, attempt: int = 1) -> Sequence[Event]:
    """Return the events of a delivery to the cloud's own account."""
    request = request_of(made, outgoing, attempt=attempt)
    return normalize(webhook_of("syniverse", request), account_of(made).settings)


def test_every_genuine_event_is_proved() -> None:
    """By the password, whatever its body."""
    made = SyniverseCloud(SEED)
    verify = verifier(account_of(made)).verify
    genuine = [outgoing for outgoing in told(made, ROUND) if outgoing.forgery is None]
    assert {verify(request_of(made, outgoing), NOW).verdict for outgoing in genuine} == {Verdict.VERIFIED}


@pytest.mark.parametrize("forgery", list(Forgery))
def test_each_forgery_of_syniverse_is_refused(forgery: Forgery) -> None:
    """Without a password or with a wrong one; what a signature alone could tell is forged by a wrong one too."""
    made = SyniverseCloud(SEED)
    verdict = verifier(account_of(made)).verify(request_of(made, told(made, 1)[0], forgery=forgery), NOW).verdict
    assert verdict is (Verdict.MISSING_SECRET if forgery is Forgery.UNSIGNED else Verdict.WRONG_SECRET)


def test_its_stories_forge_what_can_be_noticed() -> None:
    """Neither a changed body nor an old one: nobody could tell them from genuine ones."""
    forged = {outgoing.forgery for outgoing in told(SyniverseCloud(SEED), 20 * ROUND)} - {None}
    assert forged == {Forgery.UNSIGNED, Forgery.OTHER_KEY}


def test_a_seed_gives_the_same_syniverse() -> None:
    """A seed repeats password and token; without one both are new."""
    assert SyniverseCloud(SEED).environment() == cloud("syniverse", SEED).environment()
    assert SyniverseCloud().environment() != SyniverseCloud().environment()


def test_account_lines_of_syniverse_are_an_account() -> None:
    """The lines are TOML and refer to the password and the token without holding them."""
    made = SyniverseCloud(SEED)
    lines = made.account_lines("http://127.0.0.1:1", lambda name: f"file:{name}")
    parsed = tomllib.loads("\n".join(lines))
    assert (parsed["provider"], parsed["basic"]) == ("syniverse", ["file:SYNIVERSE_BASIC"])
    assert parsed["token"] == "file:SYNIVERSE_TOKEN"
    assert not [value for value in made.environment().values() if value in "\n".join(lines)]


def test_events_come_with_the_headers_that_were_captured() -> None:
    """The key with its comma, and the time."""
    made = SyniverseCloud(SEED)
    headers = dict(request_of(made, told(made, 1)[0]).headers)
    assert headers["x-ess-event-key"].endswith(",")
    assert headers["x-ess-event-timestamp"] == "2026-01-01T00:00:00.000Z"
    assert headers["content-type"] == "application/json; charset=UTF-8"


def test_a_round_of_syniverse_tells_of_every_kind() -> None:
    """One round holds every kind of event, files, codes of failures, a forged one and a duplicate."""
    made = SyniverseCloud(SEED)
    found = [(outgoing, events_of(made, outgoing)) for outgoing in told(made, ROUND)]
    events = [event for _, each in found for event in each]
    assert {type(event) for event in events} == {
        ConsentChanged,
        DeliveryUpdated,
        LinkClicked,
        MessageReceived,
        ProviderNotified,
        RequestUpdated,
        WebhookUnrecognized,
    }
    deliveries = [event for event in events if isinstance(event, DeliveryUpdated)]
    states = {"SENT", "DELIVERED", "READ", "FAILED", "EXPIRED", "BAD_REQUEST", "DELETED", "CLICKTHRU", "CONVERTED"}
    assert {event.provider_status for event in deliveries} == {*states, "TELEPORTED"}
    assert {event.errors[0].code for event in deliveries if event.errors} == {"1002", "1005", "1007", "1009", "1067"}
    assert any(len(event.media) > 1 for event in events if isinstance(event, InboundMessage))
    assert any(outgoing.forgery for outgoing, _ in found)
    assert any(outgoing.copies > 1 for outgoing, _ in found)


def test_only_what_has_no_event_is_unrecognized_of_syniverse() -> None:
    """The normalizer understands all the rest, odd shapes too."""
    made = SyniverseCloud(SEED)
    unknown = {
        outgoing.label
        for outgoing in told(made, ROUND)
        for event in events_of(made, outgoing)
        if isinstance(event, WebhookUnrecognized)
    }
    assert unknown == {"no event"}


def test_replies_of_syniverse_are_due_where_the_rules_answer() -> None:
    """An answer is expected where a receiver with the demo's rules gives one: not to STOP."""
    made = SyniverseCloud(SEED)
    for outgoing in told(made, 2 * ROUND):
        due = any(is_due(event, needs_number=True) for event in events_of(made, outgoing))
        assert outgoing.expects_reply == (due and outgoing.forgery is None), outgoing.label


def test_who_writes_is_answered_by_the_sender_id() -> None:
    """Every message from a person names the sender id that it came to, and its own id."""
    made = SyniverseCloud(SEED)
    for outgoing in told(made, ROUND):
        for event in events_of(made, outgoing):
            if isinstance(event, InboundMessage):
                assert event.sender_id
                assert event.message_id == outgoing.message_id


def test_taps_are_events_of_their_own() -> None:
    """Two taps are two clicks with their labels, and one state of the message."""
    made = SyniverseCloud(SEED)
    taps = [outgoing for outgoing in told(made, ROUND) if outgoing.label == "message CLICKTHRU"]
    events = [event for outgoing in taps for event in events_of(made, outgoing)]
    clicks = [event for event in events if isinstance(event, LinkClicked)]
    assert (len({event.id for event in clicks}), [event.label for event in clicks]) == (2, ["link1", "link2"])
    assert len({event.id for event in events if isinstance(event, DeliveryUpdated)}) == 1


def test_an_event_that_comes_again_keeps_its_id() -> None:
    """A redelivery of what was acknowledged has the attempt 2 and is the same event."""
    made = SyniverseCloud(SEED)
    again = [one for one in told(made, ROUND) if one.label == "message DELIVERED" and one.copies == 2]
    assert [json.loads(one.body(2))["attempt"] for one in again] == [2] * len(again)
    assert again
    for one in again:
        assert [event.id for event in events_of(made, one)] == [event.id for event in events_of(made, one, 2)]


def test_attempts_of_syniverse_are_one_event() -> None:
    """A retry has the ids of the first delivery."""
    made = SyniverseCloud(SEED)
    for outgoing in told(made, ROUND):
        first, second = (events_of(made, outgoing, attempt) for attempt in (1, 2))
        assert [event.id for event in first] == [event.id for event in second]


def test_the_retry_plan_of_syniverse_is_our_assumption() -> None:
    """Some attempts with growing pauses; every 2xx counts."""
    plan = SyniverseCloud.retry
    assert list(plan.pauses) == sorted(plan.pauses)
    assert [status for status in (200, 201, 302, 401, 503) if plan.succeeded(status)] == [200, 201]
