"""What other teams get for their tests: events, signed requests, a consumer run on a list."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hookline import (
    ConsentChanged,
    Consumer,
    Context,
    DeliveryUpdated,
    InboundMessage,
    MessageReceived,
    Reject,
    TryLater,
)
from hookline.configuration.config import load_config
from hookline.testing import (
    Outcome,
    SampleEvents,
    SignedRequest,
    run_consumer,
    run_consumer_async,
    sample_events,
    signed_request,
)
from providers.contract import Request, Verdict
from providers.registry import PROVIDERS, provider
from schemas.envelope import event_to_record
from schemas.events import Event, SendRequested, WebhookUnrecognized

pytest_plugins = ["hookline.testing"]
NAMES = sorted(PROVIDERS)


@pytest.mark.parametrize("name", NAMES)
def test_every_provider_has_events_of_the_main_types(hookline_events: SampleEvents, name: str) -> None:
    """What people write, deliveries, opt-outs; the account is named like the provider."""
    for kind in (InboundMessage, DeliveryUpdated, ConsentChanged):
        found = hookline_events.of(kind, name)
        assert found
        assert {(event.provider, event.account) for event in found} == {(name, name)}
        assert hookline_events.one(kind, name) is found[0]


def test_the_functions_are_fixtures_too(
    hookline_run: Callable[..., Outcome], hookline_signed_request: Callable[..., SignedRequest]
) -> None:
    """The same ones."""
    assert (hookline_run, hookline_signed_request) == (run_consumer, signed_request)


def test_samples_are_always_the_same() -> None:
    """A test of another team must not depend on the day."""
    first, again = sample_events(), sample_events.__wrapped__()
    assert first[:] == again[:]
    assert len(first) == len(again) > 100


def test_what_no_provider_sends_is_no_sample() -> None:
    """An error, and not an empty test."""
    with pytest.raises(LookupError, match="no SendRequested of any provider"):
        sample_events().one(SendRequested)


def test_samples_can_be_stored(hookline_events: SampleEvents) -> None:
    """Each is an event as it stands in a topic."""
    assert all(event_to_record(event).key for event in hookline_events)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [InboundMessage, DeliveryUpdated])
def test_a_signed_request_is_proved_by_the_account_that_comes_with_it(
    tmp_path: Path, name: str, kind: type[Event]
) -> None:
    """By the provider's own verifier, with the configuration as it stands."""
    made = signed_request(name, kind, account="shop", at=1_767_225_600.0)
    path = tmp_path / "hookline.toml"
    path.write_text(made.toml, encoding="utf-8")
    account = load_config(path, made.environment).accounts["shop"]
    request = Request(made.method, made.target, tuple(made.headers.items()), made.body)
    assert made.target.startswith("/webhooks/shop")
    assert provider(name).verifier(account).verify(request, 1_767_225_600.0).verdict is Verdict.VERIFIED
    assert any(isinstance(event, kind) for event in made.events)
    assert {event.account for event in made.events} == {"shop"}


def test_what_a_provider_does_not_send_cannot_be_signed() -> None:
    """The words name the type."""
    with pytest.raises(LookupError, match="telnyx sends nothing that is a SendRequested"):
        signed_request("telnyx", SendRequested)


def messages(count: int) -> list[MessageReceived]:
    """Return different messages, some of the same person."""
    first = sample_events().one(MessageReceived, "telnyx")
    return [
        replace(first, id=f"e{number}", message_id=f"m{number}", from_=f"+131255501{number % 3:02d}")
        for number in range(count)
    ]


class Clerk:
    """A consumer of messages that fails as its script says: for each id the errors to raise, one a try."""

    def __init__(self, **options: Any) -> None:
        self.consumer = Consumer("clerk", **options)
        self.attempts: dict[str, int] = {}
        self.script: dict[str, list[Exception]] = {}
        self.order: list[str] = []

        @self.consumer.on(MessageReceived)
        async def take(event: MessageReceived, context: Context) -> None:
            assert context.webhook_id
            if self.script.get(event.id):
                raise self.script[event.id].pop(0)
            self.order.append(event.id)
            self.attempts[event.id] = context.attempt


def test_a_run_handles_every_event_in_order() -> None:
    """Of one conversation, as in production; the outcome is in the order of the list."""
    clerk, events = Clerk(), messages(20)
    outcome = run_consumer(clerk.consumer, events)
    assert outcome.handled == tuple(events)
    for person in range(3):
        wrote = [event.id for event in events if event.from_ == f"+131255501{person:02d}"]
        assert [each for each in clerk.order if each in wrote] == wrote
    assert (outcome.retried, outcome.rejected, outcome.dead_letters, outcome.ignored) == ((), (), (), ())


def test_what_fails_once_is_tried_again() -> None:
    """With what it raised; a wish to be called later is no failure in the end either."""
    clerk, events = Clerk(), messages(2)
    error, wish = RuntimeError("away"), TryLater(60, "not_yet")
    clerk.script = {"e0": [error], "e1": [wish]}
    outcome = run_consumer(clerk.consumer, events)
    assert outcome.handled == tuple(events)
    assert {(failed.event.id, failed.error) for failed in outcome.retried} == {("e0", error), ("e1", wish)}


def test_what_fails_for_longer_comes_back_from_the_retry_topic() -> None:
    """The handler can tell by the attempt; those behind it of the same conversation wait, unless order is given up."""
    clerk, events = Clerk(attempts=2), messages(4)
    clerk.script = {"e0": [RuntimeError("away")] * 3}
    outcome = run_consumer(clerk.consumer, events)
    assert outcome.handled == tuple(events)
    assert len(outcome.retried) == 3
    assert clerk.attempts == {"e0": 2, "e1": 1, "e2": 1, "e3": 1}
    assert clerk.order.index("e0") < clerk.order.index("e3")


def test_order_may_be_given_up() -> None:
    """Then what is tried again later holds up nobody."""
    clerk, events = Clerk(attempts=1, order="given_up"), messages(4)
    clerk.script = {"e0": [RuntimeError("away")]}
    assert run_consumer(clerk.consumer, events).handled == tuple(events)
    assert clerk.order[-1] == "e0"


def test_what_never_succeeds_is_a_dead_letter_with_its_reason() -> None:
    """Those behind it are handled."""
    clerk, events = Clerk(attempts=2), messages(3)
    clerk.script = {"e1": [RuntimeError("broken")] * 50}
    outcome = run_consumer(clerk.consumer, events)
    assert outcome.handled == (events[0], events[2])
    (letter,) = outcome.dead_letters
    assert letter.event == events[1]
    assert "RuntimeError: broken" in letter.reason
    assert outcome.rejected == ()
    assert len(outcome.retried) >= 1


def test_what_returns_when_it_is_cancelled_did_not_go_well() -> None:
    """The deadline cut it off, whatever it says then."""
    crm = Consumer("crm", deadline=0.01, attempts=1)

    @crm.on(MessageReceived)
    async def handle(_event: MessageReceived) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    outcome = run_consumer(crm, messages(1))
    assert not outcome.handled
    assert [type(failed.error) for failed in outcome.retried] == [TimeoutError] * 3
    assert [letter.reason.split(":")[0] for letter in outcome.dead_letters] == ["deadline"]


def test_a_thread_that_hangs_does_not_hold_up_the_run() -> None:
    """What becomes of its event is what would in production."""
    crm, go = Consumer("crm", deadline=0.01, attempts=1), threading.Event()

    @crm.on(MessageReceived)
    async def handle(_event: MessageReceived) -> None:
        await asyncio.to_thread(go.wait)

    try:
        outcome = run_consumer(crm, messages(1))
    finally:
        go.set()
    assert [letter.reason.split(":")[0] for letter in outcome.dead_letters] == ["deadline"]


def test_what_is_rejected_is_a_dead_letter_too() -> None:
    """And is named apart."""
    clerk, events = Clerk(), messages(2)
    clerk.script = {"e0": [Reject("no such customer")] * 50}
    outcome = run_consumer(clerk.consumer, events)
    assert (outcome.rejected, outcome.handled) == ((events[0],), (events[1],))
    assert "no such customer" in outcome.dead_letters[0].reason


def test_events_of_one_id_have_each_their_own_outcome() -> None:
    """`replace(event, text=...)` keeps the id, and a test may give one event twice."""
    judge, event = Consumer("judge", attempts=1), messages(1)[0]

    @judge.on(MessageReceived)
    async def take(event: MessageReceived) -> None:
        if event.text == "bad":
            raise Reject("no good")

    good, bad = replace(event, text="good"), replace(event, text="bad")
    outcome = run_consumer(judge, [good, bad, good])
    assert (outcome.handled, outcome.rejected) == ((good, good), (bad,))
    assert [letter.event for letter in outcome.dead_letters] == [bad]
    assert (outcome.ignored, outcome.retried) == ((), ())


def test_what_nobody_asked_for_is_ignored() -> None:
    """Types without a function."""
    clerk, stray = Clerk(), sample_events().one(WebhookUnrecognized)
    event = messages(1)[0]
    outcome = run_consumer(clerk.consumer, [stray, event])
    assert (outcome.handled, outcome.ignored) == ((event,), (stray,))


def test_a_replay_is_ignored_unless_wanted() -> None:
    """As in production."""
    events = messages(2)
    assert run_consumer(Clerk().consumer, events, replay=True).ignored == tuple(events)
    assert run_consumer(Clerk(replays=True).consumer, events, replay=True).handled == tuple(events)


def test_nothing_to_do_is_done_at_once() -> None:
    """An empty list is a list."""
    assert run_consumer(Clerk().consumer, []).handled == ()


async def test_an_async_test_is_told_what_to_call_instead() -> None:
    """Nothing else is said, such as of coroutines that nobody awaited."""
    with pytest.raises(RuntimeError, match="await run_consumer_async"):
        run_consumer(Clerk().consumer, messages(1))


async def test_a_run_in_an_async_test_gives_commands() -> None:
    """The handlers run on the test's own loop; one that is stored is in the outcome."""
    desk = Consumer("desk")

    @desk.on(InboundMessage)
    async def answer(event: InboundMessage, context: Context) -> None:
        assert event.text is not None
        await context.reply("Hello")

    event = messages(1)[0]
    outcome = await run_consumer_async(desk, [event])
    (command,) = outcome.commands
    assert (command.text, command.to, command.cause) == ("Hello", event.from_, event.id)


async def test_commands_that_were_given_are_no_commands_of_the_consumer() -> None:
    """One that reads commands is shown what it got, and asked for none."""
    audit = Consumer("audit")
    seen: list[str] = []

    @audit.on(SendRequested)
    async def note(event: SendRequested) -> None:
        seen.append(event.id)

    command = SendRequested(
        id="c1", provider="telnyx", account="main", received_at=messages(1)[0].received_at, to="+15550100", text="Hi"
    )
    outcome = await run_consumer_async(audit, [command])
    assert (seen, outcome.commands) == (["c1"], ())
