"""The simulated MessageMedia: what it signs verifies, what it forges does not, and it tells of everything."""

import tomllib
from collections.abc import Sequence

import pytest

from providers.contract import Verdict
from providers.messagemedia.normalize import normalize
from providers.messagemedia.signature import verifier
from providers.messagemedia.simulation.bodies import Reply, Sent
from providers.messagemedia.simulation.cloud import MessageMediaCloud
from providers.messagemedia.simulation.rsa_keys import private_key
from providers.messagemedia.simulation.stories import STORIES
from providers.messagemedia.simulation.templates import render
from providers.registry import cloud
from providers.simulation import Cloud, Forgery, Outgoing
from schemas.events import (
    ConsentChanged,
    DeliveryUpdated,
    Event,
    InboundMessage,
    MessageReceived,
    MessageReplied,
    WebhookUnrecognized,
)
from schemas.vocabulary import DeliveryStatus
from tests.support.simulated import NOW, SEED, account_of, is_due, request_of, told, webhook_of

ROUND = len(STORIES)


def events_of(made: Cloud, outgoing: Outgoing, attempt: int = 1) -> Sequence[Event]:
    """Return the events of a delivery."""
    return normalize(webhook_of("messagemedia", request_of(made, outgoing, attempt=attempt)))


def test_every_genuine_delivery_verifies() -> None:
    """Whatever its method, query and body."""
    made = MessageMediaCloud(SEED)
    verify = verifier(account_of(made)).verify
    verdicts = {
        (outgoing.method, verify(request_of(made, outgoing), NOW).verdict)
        for outgoing in told(made, ROUND)
        if outgoing.forgery is None
    }
    assert verdicts == {("POST", Verdict.VERIFIED), ("GET", Verdict.VERIFIED)}


@pytest.mark.parametrize(
    ("forgery", "verdict"),
    [
        (Forgery.UNSIGNED, Verdict.MISSING_SIGNATURE),
        (Forgery.OTHER_KEY, Verdict.INVALID_SIGNATURE_ENCODING),
        (Forgery.CHANGED_BODY, Verdict.SIGNATURE_MISMATCH),
        (Forgery.OLD, Verdict.TIMESTAMP_OUT_OF_TOLERANCE),
    ],
)
def test_each_forgery_of_messagemedia_is_refused(forgery: Forgery, verdict: Verdict) -> None:
    """Every forgery is refused for its own reason; the other key is a shorter one."""
    made = MessageMediaCloud(SEED)
    request = request_of(made, told(made, 1)[0], forgery=forgery)
    assert verifier(account_of(made)).verify(request, NOW).verdict is verdict


def test_a_query_that_was_changed_is_refused() -> None:
    """The signature covers the target with its query."""
    made = MessageMediaCloud(SEED)
    outgoing = next(one for one in told(made, ROUND) if one.method == "GET")
    request = request_of(made, outgoing)
    changed = type(request)(request.method, f"{request.target}0", request.headers, request.body)
    assert verifier(account_of(made)).verify(changed, NOW).verdict is Verdict.SIGNATURE_MISMATCH


def test_a_seed_gives_the_same_messagemedia() -> None:
    """A seed repeats keys and ids; without one both are new."""
    assert MessageMediaCloud(SEED).environment() == cloud("messagemedia", SEED).environment()
    assert MessageMediaCloud(SEED).environment() != MessageMediaCloud(SEED[::-1]).environment()


def test_rsa_keys_have_the_length_that_was_asked_for() -> None:
    """Both lengths that the provider has published."""
    assert [private_key(SEED, bits).key_size for bits in (1024, 2048)] == [1024, 2048]


def test_account_lines_of_messagemedia_are_an_account() -> None:
    """The lines are TOML and refer to keys and secrets without holding them."""
    made = MessageMediaCloud(SEED)
    lines = made.account_lines("http://127.0.0.1:1", lambda name: f"file:{name}")
    parsed = tomllib.loads("\n".join(lines))
    assert parsed["provider"] == "messagemedia"
    assert parsed["keys"][0]["public_key"] == "file:MESSAGEMEDIA_PUBLIC_KEY"
    assert (parsed["api_key"], parsed["api_secret"]) == ("file:MESSAGEMEDIA_API_KEY", "file:MESSAGEMEDIA_API_SECRET")
    assert not [value for value in made.environment().values() if value in "\n".join(lines)]


def test_a_round_of_messagemedia_tells_of_every_kind() -> None:
    """One round holds every kind of event and every status, a forged one and a duplicate."""
    made = MessageMediaCloud(SEED)
    found = [(outgoing, events_of(made, outgoing)) for outgoing in told(made, ROUND)]
    events = [event for _, each in found for event in each]
    assert {type(event) for event in events} == {
        ConsentChanged,
        DeliveryUpdated,
        MessageReceived,
        MessageReplied,
        WebhookUnrecognized,
    }
    statuses = {event.status for event in events if isinstance(event, DeliveryUpdated)}
    assert statuses == set(DeliveryStatus) - {DeliveryStatus.UNCONFIRMED}
    assert any(event.media for event in events if isinstance(event, InboundMessage))
    assert any(outgoing.forgery for outgoing, _ in found)
    assert any(outgoing.copies > 1 for outgoing, _ in found)


def test_only_what_was_meant_is_unrecognized_of_messagemedia() -> None:
    """The normalizer understands all but broken JSON, XML and the event that nobody knows."""
    made = MessageMediaCloud(SEED)
    unknown = {
        outgoing.label
        for outgoing in told(made, ROUND)
        for event in events_of(made, outgoing)
        if isinstance(event, WebhookUnrecognized)
    }
    assert unknown == {
        "not yet known",
        "webhook reply, broken JSON",
        "webhook reply, XML",
        "webhook report, XML",
    }


def test_replies_of_messagemedia_are_due_where_the_rules_answer() -> None:
    """An answer is expected where a receiver with the demo's rules gives one, our number named or not."""
    made = MessageMediaCloud(SEED)
    for outgoing in told(made, 2 * ROUND):
        due = any(is_due(event, needs_number=False) for event in events_of(made, outgoing))
        assert outgoing.expects_reply == (due and outgoing.forgery is None), outgoing.label


def test_a_reply_without_our_number_is_among_them() -> None:
    """The provider then chooses the number of the answer."""
    made = MessageMediaCloud(SEED)
    inbound = [
        event
        for outgoing in told(made, ROUND)
        if outgoing.expects_reply
        for event in events_of(made, outgoing)
        if isinstance(event, InboundMessage)
    ]
    assert any(event.to is None for event in inbound)
    assert any(event.related_message_id is None for event in inbound)


def test_deliveries_of_messagemedia_name_the_message_of_their_events() -> None:
    """So that an answer can be matched with what it answers."""
    made = MessageMediaCloud(SEED)
    for outgoing in told(made, ROUND):
        for event in events_of(made, outgoing):
            if isinstance(event, InboundMessage | DeliveryUpdated):
                assert event.message_id == outgoing.message_id


def test_attempts_of_messagemedia_are_one_event() -> None:
    """A retry has the ids of the first delivery."""
    made = MessageMediaCloud(SEED)
    for outgoing in told(made, ROUND):
        first, second = (events_of(made, outgoing, attempt) for attempt in (1, 2))
        assert [event.id for event in first] == [event.id for event in second]


def test_a_report_by_both_ways_is_one_event() -> None:
    """Notification and webhook of the same report, and of the same reply, have one id."""
    made = MessageMediaCloud(SEED)
    ids: dict[str, set[str]] = {}
    for outgoing in told(made, ROUND):
        for event in events_of(made, outgoing):
            ids.setdefault(event.id, set()).add(outgoing.label)
    doubled = sorted(sorted(labels) for labels in ids.values() if len(labels) > 1)
    assert doubled == [["callback delivered", "webhook reports"], ["callback reply", "webhook replies"]]


def test_the_retry_plan_of_messagemedia_backs_off() -> None:
    """Longer and longer pauses; every 2xx counts."""
    plan = MessageMediaCloud.retry
    assert list(plan.pauses) == sorted(plan.pauses)
    assert [status for status in (200, 202, 204, 301, 401, 503) if plan.succeeded(status)] == [200, 202, 204]


def test_a_template_escapes_and_leaves_what_is_not_there() -> None:
    """`$esc.json` escapes, `$!` hides, a bare variable stays as its own text."""
    rendered = render('"$esc.json($text)" "$!gone" "$!esc.json($!gone)" $gone', {"text": 'a "b"\n'})
    assert rendered == '"a \\"b\\"\\n" "" "" $gone'


def test_what_a_person_wrote_is_no_template() -> None:
    """A text with a variable's name in it stays as it was written."""
    sent = Sent(id="m1", to="+12015550100", metadata={"key": "$mtId"})
    reply = Reply(id="r1", sent=sent, text="$moId #foreach($x in $metadata)", at=NOW)
    template = "$moContent|#foreach($e in $metadata.entrySet())$e.value#if($foreach.hasNext),#end#end"
    assert render(template, reply.variables()) == "$moId #foreach($x in $metadata)|$mtId"
