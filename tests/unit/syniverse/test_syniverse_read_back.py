"""Events compared with what REST says of them: confirmed, contradicted, or not to be learnt now."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from providers.rest.errors import ApiError, NotConnectedError, NotFoundError, OutcomeUnknownError, RefusedError
from providers.rest.models import Model
from providers.roles import Corroboration
from providers.syniverse.claims import claims_of
from providers.syniverse.read_back import ReadBack
from schemas.events import ConsentChanged, Event, ProviderError
from tests.support.syniverse import NOW, envelope, events_of, own_body, own_value, written

CONFIRMED, CONTRADICTED, UNKNOWN = Corroboration.CONFIRMED, Corroboration.CONTRADICTED, Corroboration.UNKNOWN
MESSAGE: dict[str, Any] = {
    "id": "MsgAAAAAAAAAAAAAAAAA01",
    "message_request_id": "ReqAAAAAAAAAAAAAAAAA01",
    "direction": "MT",
    "from_address": "66000",
    "to_address": "15555550142",
    "state": "DELIVERED",
}
INBOUND: dict[str, Any] = {
    "id": "MoaAAAAAAAAAAAAAAAAA03",
    "direction": "MO",
    "from_address": "+15555550142",
    "to_address": "66000",
    "state": "RECEIVED",
}


@dataclass
class Things:
    """A resource that gives the objects it was given, or raises what it was told; it notes what was asked."""

    objects: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: Exception | None = None
    hang: bool = False
    asked: list[str] = field(default_factory=list[str])
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    most: int = 0
    now: int = 0

    async def get(self, id: str, /) -> Model:  # noqa: A002 - the provider's own name
        """Return the object, or fail as told."""
        self.asked.append(id)
        self.begun.set()
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await (asyncio.Event().wait() if self.hang else asyncio.sleep(0))
        finally:
            self.now -= 1
        if self.error is not None:
            raise self.error
        if id not in self.objects:
            raise NotFoundError(404, ())
        return Model.of(self.objects[id])


@dataclass
class FakeRest:
    """The part of a client that is asked."""

    messages: Things = field(default_factory=Things)
    message_requests: Things = field(default_factory=Things)
    closed: bool = False

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


async def said(events: tuple[Event, ...], rest: FakeRest, wait: float = 5.0) -> Corroboration:
    """Return what the read-back says."""
    return await ReadBack(rest).corroborate(events, wait)


def rest_with(**changes: Any) -> FakeRest:
    """Return a client whose one message is the delivered one, with those changes."""
    return FakeRest(messages=Things({MESSAGE["id"]: {**MESSAGE, **changes}}))


def state(new_state: str) -> tuple[Event, ...]:
    """Return the events of a push that claims that state."""
    value = own_value("state_delivered")
    value["event"]["fld-val-list"]["new_state"] = new_state
    return events_of(written(value))


def request(new_state: str) -> tuple[Event, ...]:
    """Return the event of a push that claims that state of a request."""
    return events_of(written(envelope("message_request_state_change", message_request_id="r", new_state=new_state)))


async def test_the_same_state_is_confirmed() -> None:
    """REST tells the same, one address without its plus."""
    rest = rest_with()
    assert await said(events_of(own_body("state_delivered")), rest) is CONFIRMED
    assert rest.messages.asked == [MESSAGE["id"]]


@pytest.mark.parametrize(
    ("claimed", "found", "expected"),
    [
        ("SENT", "DELIVERED", CONFIRMED),
        ("SENT", "FAILED", CONFIRMED),
        ("CREATED", "SENT", CONFIRMED),
        ("DELIVERED", "READ", CONFIRMED),
        ("DELIVERED", "CONVERTED", CONFIRMED),
        ("FAILED", "DELIVERED", CONFIRMED),
        ("FAILED", "EXPIRED", CONFIRMED),
        ("CLICKTHRU", "CLICKTHRU", CONFIRMED),
        ("DELIVERED", "FAILED", CONTRADICTED),
        ("DELIVERED", "EXPIRED", CONTRADICTED),
        ("READ", "FAILED", CONTRADICTED),
        ("CONVERTED", "BAD_REQUEST", CONTRADICTED),
        ("DELIVERED", "SENT", UNKNOWN),
        ("FAILED", "SENT", UNKNOWN),
        ("READ", "DELIVERED", UNKNOWN),
        ("SENT", "QUEUED", UNKNOWN),
        ("TELEPORTED", "SENT", CONFIRMED),
        ("SENT", "TELEPORTED", CONFIRMED),
        ("SENT", None, UNKNOWN),
    ],
)
async def test_states(claimed: str, found: str | None, expected: Corroboration) -> None:
    """Moved on is fine, behind may be lag, a delivery against an end without one is a lie."""
    assert await said(state(claimed), rest_with(state=found)) is expected


@pytest.mark.parametrize(
    "changes",
    [
        {"to_address": "+15555550157"},
        {"from_address": "66001"},
        {"message_request_id": "another"},
        {"direction": "MO"},
    ],
)
async def test_another_message_contradicts(changes: dict[str, str]) -> None:
    """Somebody else's number, sender or request."""
    assert await said(events_of(own_body("state_delivered")), rest_with(**changes)) is CONTRADICTED


@pytest.mark.parametrize("name", ["to_address", "from_address", "message_request_id", "direction"])
async def test_what_rest_leaves_out_is_not_compared(name: str) -> None:
    """Its absence says nothing."""
    assert await said(events_of(own_body("state_delivered")), rest_with(**{name: None})) is CONFIRMED


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, UNKNOWN), (60, UNKNOWN), (-60, UNKNOWN), (61, CONTRADICTED), (-61, CONTRADICTED), (None, CONTRADICTED)],
)
async def test_no_such_message(seconds: int | None, expected: Corroboration) -> None:
    """404: it never was, or REST lags behind an event that is no older than a minute."""
    value = own_value("state_delivered")
    value["event"]["timestamp"] = None if seconds is None else (NOW - seconds) * 1000
    assert await said(events_of(written(value)), FakeRest()) is expected


@pytest.mark.parametrize("message_id", [None, 12345, "", "  ", ["m"]])
@pytest.mark.parametrize("name", ["state_delivered", "inbound_stop", "click_labelled"])
async def test_an_event_that_names_no_message_is_not_believed(name: str, message_id: object) -> None:
    """Nobody could be asked about it: to leave out the id must be no way around."""
    value = own_value(name)
    value["event"]["fld-val-list"]["message_id"] = message_id
    rest = FakeRest(messages=Things({MESSAGE["id"]: MESSAGE, INBOUND["id"]: INBOUND}))
    assert await said(events_of(written(value)), rest) is CONTRADICTED
    assert rest.messages.asked == []


def test_every_event_of_a_message_claims_something() -> None:
    """A consent or a click without its message's id too, if ever they come alone."""
    events = [*events_of(own_body("inbound_stop")), *events_of(own_body("click_labelled"))]
    assert len(events) == 4
    assert [len(claims_of([replace(event, message_id=None)])) for event in events] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"id": MESSAGE["id"]},
        {**MESSAGE, "id": "another"},
        {**MESSAGE, "id": None},
        {"id": MESSAGE["id"], "to_address": "+15555550142"},
    ],
)
async def test_an_answer_that_is_none_says_nothing(answer: dict[str, Any]) -> None:
    """Empty, of another id, or without state and direction."""
    rest = FakeRest(messages=Things({MESSAGE["id"]: answer}))
    assert await said(events_of(own_body("state_delivered")), rest) is UNKNOWN


@pytest.mark.parametrize("answer", [{}, {"id": "r"}, {"id": "another", "state": "COMPLETED"}])
async def test_an_answer_that_is_none_says_nothing_of_a_request(answer: dict[str, Any]) -> None:
    """The same of requests."""
    assert await said(request("COMPLETED"), FakeRest(message_requests=Things({"r": answer}))) is UNKNOWN


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"direction": None}, CONFIRMED),
        ({"state": None}, CONFIRMED),
        ({"direction": None, "state": "DELIVERED"}, CONTRADICTED),
        ({"direction": None, "state": None}, UNKNOWN),
    ],
)
async def test_the_state_tells_the_direction_of_an_inbound_message(
    changes: dict[str, Any], expected: Corroboration
) -> None:
    """RECEIVED and PROCESSED are states of inbound messages alone."""
    rest = FakeRest(messages=Things({INBOUND["id"]: {**INBOUND, **changes}}))
    assert await said(events_of(own_body("inbound_stop")), rest) is expected


@pytest.mark.parametrize(
    ("claimed", "cut", "found", "expected"),
    [
        ("STOP", False, " stop ", CONTRADICTED),
        ("STOP", False, " STOP\n", CONFIRMED),
        ("STOP", False, "STOP by at noon", CONTRADICTED),
        ("STOP", True, "STOP by at noon", CONTRADICTED),
        ("STOP", False, None, CONFIRMED),
        ("Hello  you", False, "Hello you", CONFIRMED),
        ("Hello", False, "Hello you", CONTRADICTED),
        ("Hello", True, "Hello you", CONFIRMED),
        ("Hello", "true", "Hello you", CONFIRMED),
        ("Forged", True, "Hello you", CONTRADICTED),
    ],
)
async def test_the_text_of_an_inbound_message(
    claimed: str, cut: object, found: str | None, expected: Corroboration
) -> None:
    """It is REST's; one that says that it is cut is the beginning of REST's, unless it is a word of consent."""
    value = own_value("inbound_stop")
    value["event"]["fld-val-list"].update(message_body=claimed, message_body_truncated=cut)
    rest = FakeRest(messages=Things({INBOUND["id"]: {**INBOUND, "body": found}}))
    assert await said(events_of(written(value)), rest) is expected


@pytest.mark.parametrize("code", ["4046", "SCG_ERROR_4046"])
async def test_an_expired_token_says_nothing(code: str) -> None:
    """It comes as 404 too."""
    rest = FakeRest(messages=Things(error=NotFoundError(404, (ProviderError(code=code),))))
    assert await said(events_of(own_body("state_delivered")), rest) is UNKNOWN


@pytest.mark.parametrize(
    "error",
    [
        NotConnectedError("x"),
        OutcomeUnknownError("x"),
        RefusedError(500, ()),
        RefusedError(401, ()),
        ApiError("x"),
        RuntimeError("a bug"),
    ],
)
async def test_errors_say_nothing(error: Exception) -> None:
    """Whatever went wrong, it never raises: the sender has to come again."""
    assert await said(events_of(own_body("state_delivered")), FakeRest(messages=Things(error=error))) is UNKNOWN


@pytest.mark.parametrize("wait", [0.05, 0.0, -1.0])
async def test_a_slow_answer_says_nothing(wait: float) -> None:
    """It returns in time and leaves no call behind."""
    rest = FakeRest(messages=Things(hang=True))
    async with asyncio.timeout(5):
        assert await said(events_of(own_body("state_delivered")), rest, wait) is UNKNOWN
    assert rest.messages.now == 0


async def test_cancelled_it_leaves_no_call_behind() -> None:
    """The receiver may go while it waits."""
    rest = FakeRest(messages=Things(hang=True))
    task = asyncio.create_task(said(events_of(own_body("state_delivered")), rest, 60))
    async with asyncio.timeout(5):
        await rest.messages.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rest.messages.now == 0


async def test_an_inbound_message_and_its_consent() -> None:
    """One call answers for both: they are of the same message."""
    rest = FakeRest(messages=Things({"MoaAAAAAAAAAAAAAAAAA03": INBOUND}))
    assert await said(events_of(own_body("inbound_stop")), rest) is CONFIRMED
    assert rest.messages.asked == ["MoaAAAAAAAAAAAAAAAAA03"]


@pytest.mark.parametrize("forged", ["STOP", "START"])
@pytest.mark.parametrize("first", ["true", "forged"])
async def test_a_forged_consent_beside_the_true_message_is_not_believed(forged: str, first: str) -> None:
    """In a list with the true event, whichever comes first: the forged text is compared, or does not count at all."""
    true = own_value("inbound_stop")
    true["event"]["fld-val-list"]["message_body"] = "See you at noon"
    false = own_value("inbound_stop")
    false["event"]["fld-val-list"]["message_body"] = forged
    events = events_of(written([true, false] if first == "true" else [false, true]))
    rest = FakeRest(messages=Things({"MoaAAAAAAAAAAAAAAAAA03": {**INBOUND, "body": "See you at noon"}}))
    believed = await said(events, rest) is CONFIRMED
    assert not believed or not any(isinstance(event, ConsentChanged) for event in events)


async def test_a_consent_alone_is_compared_with_the_text() -> None:
    """What REST has of the message must say it."""
    (consent,) = [event for event in events_of(own_body("inbound_stop")) if isinstance(event, ConsentChanged)]
    for text, expected in (("Stop.", CONFIRMED), ("START", CONTRADICTED), ("See you", CONTRADICTED)):
        rest = FakeRest(messages=Things({"MoaAAAAAAAAAAAAAAAAA03": {**INBOUND, "body": text}}))
        assert await said((consent,), rest) is expected


@pytest.mark.parametrize("changes", [{"from_address": "+15555550157"}, {"direction": "MT"}, {"to_address": "66001"}])
async def test_an_invented_inbound_message_contradicts(changes: dict[str, str]) -> None:
    """A STOP that another person never sent."""
    rest = FakeRest(messages=Things({"MoaAAAAAAAAAAAAAAAAA03": {**INBOUND, **changes}}))
    assert await said(events_of(own_body("inbound_stop")), rest) is CONTRADICTED


async def test_a_processed_message_is_confirmed() -> None:
    """We marked it ourselves, meanwhile."""
    rest = FakeRest(messages=Things({"MoaAAAAAAAAAAAAAAAAA03": {**INBOUND, "state": "PROCESSED"}}))
    assert await said(events_of(own_body("inbound_stop")), rest) is CONFIRMED


async def test_a_click_and_its_state() -> None:
    """The tap is of a message that REST knows as opened."""
    assert await said(events_of(own_body("click_labelled")), rest_with(state="CLICKTHRU")) is CONFIRMED
    assert await said(events_of(own_body("click_labelled")), rest_with(state="FAILED")) is CONTRADICTED


@pytest.mark.parametrize(
    ("claimed", "found", "expected"),
    [
        ("ACCEPTED", "ACCEPTED", CONFIRMED),
        ("ACCEPTED", "COMPLETED", CONFIRMED),
        ("COMPLETED", "CANCELED", CONFIRMED),
        ("SUBMITTED", "REJECTED", CONFIRMED),
        ("PAUSED", "TRANSMITTING", CONFIRMED),
        ("TRANSMITTING", "PAUSED", CONFIRMED),
        ("COMPLETED", "PREPARING", UNKNOWN),
        ("REJECTED", "SUBMITTED", UNKNOWN),
        ("ACCEPTED", "REJECTED", CONTRADICTED),
        ("REJECTED", "COMPLETED", CONTRADICTED),
        ("CANCELED", "COMPLETED", CONTRADICTED),
        ("CANCELED", "REJECTED", CONTRADICTED),
        ("ELSEWHERE", "COMPLETED", CONFIRMED),
        ("COMPLETED", None, UNKNOWN),
    ],
)
async def test_states_of_requests(claimed: str, found: str | None, expected: Corroboration) -> None:
    """The order of section 4.1; it may be canceled at any time and is rejected at its beginning alone."""
    rest = FakeRest(message_requests=Things({"r": {"id": "r", "state": found}}))
    assert await said(request(claimed), rest) is expected
    assert rest.message_requests.asked == ["r"]


@pytest.mark.parametrize("name", ["voice_incoming", "media_storage_file", "unknown_type_of_messages"])
async def test_what_cannot_be_asked_about_is_confirmed(name: str) -> None:
    """No message, no call."""
    rest = FakeRest()
    assert await said(events_of(own_body(name)), rest) is CONFIRMED
    assert rest.messages.asked == rest.message_requests.asked == []


async def test_one_contradiction_in_a_list_is_enough() -> None:
    """Even where others cannot be learnt."""
    rest = FakeRest(messages=Things({"MsgAAAAAAAAAAAAAAAAA07": {"id": "MsgAAAAAAAAAAAAAAAAA07", "state": "QUEUED"}}))
    assert await said(events_of(own_body("list_of_three")), rest) is CONTRADICTED


async def test_a_long_list_is_asked_about_few_at_a_time() -> None:
    """A hundred events make no flood of calls."""
    items = [envelope(message_id=f"m{n}", new_state="SENT") for n in range(100)]
    rest = FakeRest(messages=Things({f"m{n}": {"id": f"m{n}", "state": "SENT"} for n in range(100)}))
    assert await said(events_of(written(items)), rest) is CONFIRMED
    assert len(rest.messages.asked) == 100
    assert rest.messages.most == 8


def test_one_claim_is_made_once() -> None:
    """Two events that say the same need one answer."""
    events = events_of(own_body("state_delivered"))
    assert len(claims_of([*events, *events])) == 1


async def test_closing_closes_the_client() -> None:
    """It owns it."""
    rest = FakeRest()
    await ReadBack(rest).close()
    assert rest.closed
