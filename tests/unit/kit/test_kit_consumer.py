"""A consumer as another team writes it: what it takes, what it refuses and in which words."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from consumers.catalogue import CONSUMERS
from hookline import ConsentChanged, Consumer, Context, DeliveryUpdated, Event, InboundMessage, MessageReceived, Reject
from hookline.kit.handlers import ConsumerError, handler_of, topics_of
from schemas.events import EVENT_CLASSES, MessageReplied
from schemas.topics import CONSENT, DELIVERY, INBOUND, TOPIC_OF
from tests.support.consumers import inbound


async def nothing(event: Event) -> None:
    """Handle any event."""
    del event


async def with_context(event: Event, context: Context) -> None:
    """Handle any event, and ask for its context."""
    del event, context


def refused(make: Callable[[], object]) -> str:
    """Return the words of the refusal."""
    with pytest.raises(ConsumerError) as caught:
        make()
    return str(caught.value)


def test_the_decorator_gives_the_function_back() -> None:
    """It can be called in tests as what it is."""
    crm = Consumer("crm")
    assert crm.on(MessageReceived)(nothing) is nothing
    assert list(crm.handlers) == [MessageReceived]


@pytest.mark.parametrize(
    ("base", "kinds"),
    [(InboundMessage, {MessageReceived, MessageReplied}), (Event, {*EVENT_CLASSES.values()})],
)
def test_a_base_class_takes_all_below_it(base: type[Event], kinds: set[type[Event]]) -> None:
    """And nothing else."""
    crm = Consumer("crm")
    crm.on(base)(nothing)
    assert set(crm.handlers) == kinds


def test_several_types_may_share_a_function() -> None:
    """Each once, also where one stands for another."""
    crm = Consumer("crm")
    crm.on(MessageReceived, InboundMessage, ConsentChanged)(nothing)
    assert set(crm.handlers) == {MessageReceived, MessageReplied, ConsentChanged}


def test_topics_follow_from_the_types() -> None:
    """Each once, in the catalogue's order."""
    crm = Consumer("crm")
    crm.on(ConsentChanged, InboundMessage, DeliveryUpdated)(nothing)
    assert topics_of(crm.handlers) == (DELIVERY, INBOUND, CONSENT)


def test_every_type_has_a_topic_that_brings_it() -> None:
    """Whoever asks for everything gets everything."""
    crm = Consumer("crm")
    crm.on(Event)(nothing)
    assert set(topics_of(crm.handlers)) == {TOPIC_OF[kind] for kind in EVENT_CLASSES}


def test_two_functions_for_one_type_are_refused() -> None:
    """Both are named, and the first one stays."""
    crm = Consumer("crm")
    crm.on(MessageReceived)(nothing)
    words = refused(lambda: crm.on(ConsentChanged, InboundMessage)(with_context))
    assert words == "consumer 'crm': nothing and with_context both want MessageReceived; one type, one function"
    assert list(crm.handlers) == [MessageReceived]


@pytest.mark.parametrize("kind", [str, object, "MessageReceived", None])
def test_what_is_no_event_is_refused(kind: Any) -> None:
    """The words name those that there are."""
    assert "is no event; there are: ConsentChanged, DeliveryUpdated" in refused(lambda: Consumer("crm").on(kind))


def test_a_decorator_without_a_type_is_refused() -> None:
    """Nobody can guess which."""
    on: Callable[[], object] = Consumer("crm").on  # type: ignore[assignment] # pyright: ignore[reportAssignmentType] - as a mistake would have it
    assert "takes the type of event" in refused(on)


def test_a_sync_function_is_refused() -> None:
    """It would hold up the whole process, and return before it is told of failures."""

    def sync(event: Event) -> None:
        del event

    words = refused(lambda: Consumer("crm").on(MessageReceived)(sync))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType,reportCallIssue] - as a mistake would have it
    assert "sync is not an async function: write `async def`" in words


async def _three(event: Event, context: Context, more: int) -> None:
    del event, context, more


async def _none() -> None:
    return None


async def _by_name(*, event: Event) -> None:
    del event


@pytest.mark.parametrize("function", [_three, _none, _by_name])
def test_a_function_that_cannot_be_called_is_refused(function: Callable[..., Coroutine[Any, Any, None]]) -> None:
    """At import, and not with the first event."""
    assert "a handler takes (event) or (event, context)" in refused(lambda: handler_of(function))


async def _optional(event: Event, strength: int = 3) -> None:
    del event, strength


async def _perhaps(event: Event, context: Context | None = None) -> None:
    del event, context


async def _named(event: Event, *, context: Context | None = None) -> None:
    del event
    if context is not None:
        raise Reject("has it")


async def _only_named(event: Event, *, context: Context) -> None:
    await _named(event, context=context)


@pytest.mark.parametrize(
    ("function", "takes"),
    [
        (nothing, False),
        (with_context, True),
        (_optional, False),
        (_perhaps, True),
        (_named, True),
        (_only_named, True),
        (functools.partial(_three, more=1), True),
    ],
)
def test_the_context_goes_to_whoever_has_a_place_for_it(function: Any, takes: bool) -> None:
    """A second parameter with a default is the function's own, unless it is called `context`."""
    assert handler_of(function).takes_context is takes


@pytest.mark.parametrize("function", [_named, _only_named])
async def test_a_context_that_is_taken_by_its_name_is_given(function: Any) -> None:
    """Behind a `*`, with a default or without."""
    with pytest.raises(Reject):
        await handler_of(function)(inbound(0), cast("Context", object()))


@pytest.mark.parametrize("name", ["", "a b", "a.b", "ä", "-a", "x" * 65, None, 3])
def test_a_name_that_is_no_group_is_refused(name: Any) -> None:
    """It becomes part of topics' names."""
    assert "use letters, digits" in refused(lambda: Consumer(name))


@pytest.mark.parametrize("name", [*(item.name for item in CONSUMERS), "auto_reply", "Send", "ingest"])
def test_a_name_of_ours_is_refused(name: str) -> None:
    """It would take our events away."""
    assert "is one of Hookline's own" in refused(lambda: Consumer(name))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"order": "lost"}, "order is 'kept' or 'given_up', not 'lost'"),
        ({"concurrency": 0}, "concurrency is a whole number, from 1 to 1000, not 0"),
        ({"concurrency": 2.5}, "concurrency is a whole number, from 1 to 1000, not 2.5"),
        ({"concurrency": "4"}, "concurrency is a whole number, from 1 to 1000, not '4'"),
        ({"concurrency": 1001}, "concurrency is a whole number, from 1 to 1000, not 1001"),
        ({"attempts": True}, "attempts is a whole number, at least 1, not True"),
        ({"deadline": 0}, "deadline is a number of seconds, more than 0, not 0"),
        ({"deadline": float("nan")}, "deadline is a number of seconds, more than 0, not nan"),
        ({"deadline": float("inf")}, "deadline is a number of seconds, more than 0, not inf"),
        ({"deadline": "20"}, "deadline is a number of seconds, more than 0, not '20'"),
    ],
)
def test_a_value_that_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    """In the words of the parameter."""
    assert words in refused(lambda: Consumer("crm", **options))


def test_a_consumer_shows_its_name() -> None:
    """In errors and at the prompt."""
    assert repr(Consumer("crm")) == "Consumer('crm')"
