"""The simulated cloud: what it signs verifies, what it forges does not, and it tells of everything."""

import itertools
import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from providers import telnyx
from providers.contract import AccountError, Secret, Verdict
from providers.registry import PROVIDERS, cloud, provider
from providers.simulation import ApiAnswer, Forgery, Outgoing
from providers.telnyx import PROVIDER
from providers.telnyx.normalize import normalize
from providers.telnyx.simulation.cloud import TelnyxCloud
from providers.telnyx.simulation.telling import OURS
from schemas.events import (
    ConsentChanged,
    DeliveryUpdated,
    LinkClicked,
    MessageReceived,
    ProviderNotified,
    WebhookUnrecognized,
)
from tests.support.telnyx import NOW, SEED, account_of, public_key, request_of, webhook_of

SEND = {"from": OURS, "to": "+13125550101", "text": "Open 9 to 17."}


def told(rounds: int = 2) -> list[Outgoing]:
    """Return the deliveries of some rounds of traffic."""
    stories: Iterator[Sequence[Outgoing]] = TelnyxCloud(SEED).traffic(Random(7), lambda: float(NOW))
    return [outgoing for story in itertools.islice(stories, 20 * rounds) for outgoing in story]


def call(
    made: TelnyxCloud, value: object = SEND, key: str = "c0ffee", path: str = "/v2/messages", **more: str
) -> ApiAnswer:
    """Return the cloud's answer to a call of its API."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    bearer = f"Bearer {made.environment()['TELNYX_API_KEY']}"
    return made.answer(
        more.get("method", "POST"), path, {"authorization": bearer, "idempotency-key": key, **more}, body, float(NOW)
    )


def test_signature_verifies() -> None:
    """The verifier accepts what the cloud signs."""
    made = TelnyxCloud()
    body = told()[0].body(1)
    verifier = PROVIDER.verifier(account_of(made.environment()["TELNYX_PUBLIC_KEY"]))
    assert verifier.verify(request_of(body, made.headers(request_of(body), NOW)), NOW).verdict is Verdict.VERIFIED


@pytest.mark.parametrize(
    ("forgery", "verdict"),
    [
        (Forgery.UNSIGNED, Verdict.MISSING_SIGNATURE),
        (Forgery.OTHER_KEY, Verdict.SIGNATURE_MISMATCH),
        (Forgery.CHANGED_BODY, Verdict.SIGNATURE_MISMATCH),
        (Forgery.OLD, Verdict.TIMESTAMP_OUT_OF_TOLERANCE),
    ],
)
def test_each_forgery_is_refused(forgery: Forgery, verdict: Verdict) -> None:
    """Every forgery is refused for its own reason."""
    made = TelnyxCloud()
    verifier = PROVIDER.verifier(account_of(made.environment()["TELNYX_PUBLIC_KEY"]))
    assert verifier.verify(request_of(b"{}", made.headers(request_of(b"{}"), NOW, forgery)), NOW).verdict is verdict


def test_seed_gives_the_same_keys() -> None:
    """A seed repeats the cloud; without one it is new."""
    assert TelnyxCloud(SEED).environment() == TelnyxCloud(SEED).environment()
    assert TelnyxCloud(SEED).environment()["TELNYX_PUBLIC_KEY"] == public_key()
    assert TelnyxCloud().environment() != TelnyxCloud().environment()


def test_account_lines_are_an_account() -> None:
    """The lines are TOML and refer to the keys without holding them."""
    lines = TelnyxCloud(SEED).account_lines("http://127.0.0.1:1/v2", lambda name: f"env:{name}")
    assert tomllib.loads("\n".join(lines)) == {
        "provider": "telnyx",
        "public_keys": ["env:TELNYX_PUBLIC_KEY"],
        "api_key": "env:TELNYX_API_KEY",
        "base_url": "http://127.0.0.1:1/v2",
        "polls": ["opt_outs"],
        "poll_every": 2,
    }


def test_a_round_tells_of_every_kind() -> None:
    """One round holds every kind of event, a forged one and a duplicate."""
    found = [(outgoing, normalize(webhook_of(outgoing.body(1)))) for outgoing in told(1)]
    classes = {type(event) for _, events in found for event in events}
    assert classes == {
        MessageReceived,
        DeliveryUpdated,
        LinkClicked,
        ConsentChanged,
        ProviderNotified,
        WebhookUnrecognized,
    }
    channels = {event.channel for _, events in found for event in events if isinstance(event, MessageReceived)}
    assert channels == {"sms", "mms", "rcs", "whatsapp"}
    statuses = {event.status for _, events in found for event in events if isinstance(event, DeliveryUpdated)}
    assert {"sent", "delivered", "failed", "unconfirmed", "read"} <= statuses
    assert any(len(events) > 1 for _, events in found)
    assert any(outgoing.forgery for outgoing, _ in found)
    assert any(outgoing.copies > 1 for outgoing, _ in found)


def test_only_what_was_meant_is_unrecognized() -> None:
    """The normalizer understands all that the cloud tells, save the event that nobody knows."""
    unknown = {
        outgoing.label
        for outgoing in told()
        for event in normalize(webhook_of(outgoing.body(1)))
        if isinstance(event, WebhookUnrecognized)
    }
    assert unknown == {"message.teleported"}


def test_replies_are_expected_to_people_and_not_to_opt_out_words() -> None:
    """A reply is due to a genuine message that Telnyx has not answered, and to nothing else."""
    for outgoing in told():
        (event, *_) = normalize(webhook_of(outgoing.body(1)))
        due = isinstance(event, MessageReceived) and event.autoresponse is None and outgoing.forgery is None
        assert outgoing.expects_reply == due


def test_attempts_differ_in_meta_alone() -> None:
    """A retry is the same event with a higher attempt."""
    for outgoing in told(1):
        first, second = (normalize(webhook_of(outgoing.body(attempt))) for attempt in (1, 2))
        assert [event.id for event in first] == [event.id for event in second]


def test_ids_and_numbers_are_new_each_time() -> None:
    """No two deliveries share an event, and all numbers are fiction's own."""
    ids = [event.id for outgoing in told() for event in normalize(webhook_of(outgoing.body(1)))]
    assert len(ids) == len(set(ids))
    people = [
        event.from_
        for out in told()
        for event in normalize(webhook_of(out.body(1)))
        if out.expects_reply and isinstance(event, MessageReceived)
    ]
    assert len(people) == len(set(people))
    assert all(person and person[5:10] == "55501" for person in people)


def test_retry_plan() -> None:
    """Three attempts of two seconds each; only 200 counts."""
    plan = TelnyxCloud.retry
    assert (plan.timeout, len(plan.pauses)) == (2.0, 2)
    assert [status for status in (200, 202, 301, 503) if plan.succeeded(status)] == [200]


def test_sending_is_reported() -> None:
    """A call gives a message and the webhooks of its life."""
    answer = call(TelnyxCloud())
    assert answer.status == 200
    assert json.loads(answer.body)["data"]["id"] == answer.effect
    events = [normalize(webhook_of(outgoing.body(1)))[0] for outgoing in answer.follow_ups]
    assert [(event.message_id, getattr(event, "status", None)) for event in events] == [
        (answer.effect, "sent"),
        (answer.effect, "delivered"),
    ]
    assert answer.follow_ups[0].after < answer.follow_ups[1].after


def test_same_key_and_bytes_have_one_effect() -> None:
    """A repeated call gets the first answer and makes no second message."""
    made = TelnyxCloud()
    first, second = call(made), call(made)
    assert first.effect is not None
    assert (second.status, second.body, second.effect, second.follow_ups) == (200, first.body, None, ())


def test_same_key_and_other_bytes_are_refused() -> None:
    """Telnyx answers 422 where a key comes with another body."""
    made = TelnyxCloud()
    call(made)
    assert call(made, {**SEND, "text": "other"}).status == 422


def test_failures_are_not_remembered() -> None:
    """After a refused call the key is free."""
    made = TelnyxCloud()
    assert call(made, {}).status == 422
    assert call(made).status == 200


@pytest.mark.parametrize(
    ("value", "more", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        ({**SEND, "text": ""}, {}, 422),
        ({**SEND, "to": 5}, {}, 422),
        (SEND, {"authorization": "Bearer wrong"}, 401),
        (SEND, {"method": "GET"}, 405),
        (SEND, {"path": "/v2/elsewhere"}, 404),
    ],
)
def test_wrong_calls_are_refused(value: object, more: dict[str, Any], status: int) -> None:
    """Each wrong call gets Telnyx's kind of error and has no effect."""
    answer = call(TelnyxCloud(), value, **more)
    assert (answer.status, answer.effect, answer.follow_ups) == (status, None, ())
    assert json.loads(answer.body)["errors"][0]["code"]


def test_registry() -> None:
    """Providers and clouds are found by name; another name is told which there are."""
    assert provider("telnyx") is PROVIDERS["telnyx"] is PROVIDER
    assert cloud("telnyx", SEED).environment() == TelnyxCloud(SEED).environment()
    for find in (provider, cloud):
        with pytest.raises(AccountError, match="telnyx"):
            find("nobody")


def test_provider_is_whole() -> None:
    """The provider's table agrees with its documents."""
    policy = PROVIDER.policy
    assert (policy.success_status, policy.retry_status, policy.methods) == (200, 503, frozenset({"POST"}))
    assert policy.broker_wait < policy.answer_by < policy.deadline
    assert [setting.name for setting in PROVIDER.settings] == [
        "public_keys",
        "api_key",
        "base_url",
        "tolerance",
        "messaging_profile_id",
        "bulk_updates_path",
        "polls",
        "poll_every",
        "poll_lookback",
    ]
    assert PROVIDER.reach(account_of(api_key=Secret("K", "env:K"))) == "https://api.telnyx.com/v2"
    assert any('webhook_api_version "2"' in step for step in PROVIDER.portal_steps)


def test_readme_tells_of_every_setting() -> None:
    """A setting without documentation is a mistake."""
    text = (Path(telnyx.__file__).parent / "README.md").read_text(encoding="utf-8")
    assert [setting.name for setting in PROVIDER.settings if f"| `{setting.name}` |" not in text] == []
