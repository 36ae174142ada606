"""The API of the simulated Telnyx: who may call, what is refused, what repeats, what becomes of a message."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.simulation import Outgoing
from providers.telnyx.normalize import normalize
from providers.telnyx.simulation.cloud import TelnyxCloud
from providers.telnyx.simulation.telling import AGENT, OURS
from schemas.events import DeliveryUpdated, MessageReceived
from tests.support.simulated import NOW, SEED, answer_of
from tests.support.telnyx import webhook_of
from tests.support.telnyx_cloud import (
    GROUP,
    IN_AN_HOUR,
    OTHER,
    PERSON,
    POOL,
    SCHEDULED,
    SENDS,
    SMS,
    WHATSAPP,
    ask,
    code_of,
    shown,
    traffic_of,
    value_of,
)

DAY = 86_400.0
EVERY_SEND = pytest.mark.parametrize("path", list(SENDS))


def delivered(answers: tuple[Outgoing, ...]) -> list[tuple[str | None, str, str | None]]:
    """Return recipient, status and message of each event that follows from a call."""
    events = [event for outgoing in answers for event in normalize(webhook_of(outgoing.body(1)))]
    return [(event.to, event.status, event.message_id) for event in events if isinstance(event, DeliveryUpdated)]


@pytest.mark.parametrize("authorization", ["", "Bearer x", "Basic eDp5", "Bearer \xff", "Bearer \udcff"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/messages"), ("GET", "/messaging_optouts"), ("GET", "/x")])
def test_a_stranger_of_telnyx_is_refused(authorization: str, method: str, path: str) -> None:
    """Without the key it is 401, whatever is asked."""
    answer = answer_of(TelnyxCloud(SEED), {"authorization": authorization}, (method, path), SMS)
    assert (answer.status, code_of(answer), answer.effect) == (401, "10009", None)


@EVERY_SEND
def test_every_send_is_told_of(path: str) -> None:
    """The answer is queued; sent and delivered follow, once a recipient, under the message's id."""
    answer = ask(TelnyxCloud(SEED), "POST", f"/messages{path}", SENDS[path])
    message = value_of(answer)["data"]
    people = [PERSON, OTHER] if path == "/group_mms" else [PERSON]
    assert (answer.status, answer.effect, answer.more_effects) == (200, message["id"], ())
    assert [(one["phone_number"], one["status"]) for one in message["to"]] == [(one, "queued") for one in people]
    expected = [(one, status, answer.effect) for status in ("sent", "delivered") for one in people]
    assert delivered(answer.follow_ups) == expected


@pytest.mark.parametrize(("path", "kind"), [("", "SMS"), ("/group_mms", "MMS"), ("/whatsapp", "WHATSAPP")])
def test_type_of_a_send(path: str, kind: str) -> None:
    """It follows from the path, and from the media."""
    made = TelnyxCloud(SEED)
    assert value_of(ask(made, "POST", f"/messages{path}", SENDS[path]))["data"]["type"] == kind
    media = {**SMS, "media_urls": ["https://media.example.com/a.png"]}
    assert value_of(ask(made, "POST", "/messages", media))["data"]["type"] == "MMS"


def test_a_group_message_names_its_sender_as_text() -> None:
    """As the page shows it; the events have one status a recipient and the id of the group."""
    answer = ask(TelnyxCloud(SEED), "POST", "/messages/group_mms", GROUP)
    payload = json.loads(answer.follow_ups[1].body(1))["data"]["payload"]
    assert (value_of(answer)["data"]["from"], payload["group_message_id"]) == (OURS, answer.effect)
    assert [one["status"] for one in payload["to"]] == ["delivered", "delivered"]


@pytest.mark.parametrize(("more", "told"), [({}, 0), ({"webhook_url": "https://example.com/a"}, 2)])
def test_without_a_url_nothing_is_told(more: dict[str, str], told: int) -> None:
    """The profile's webhooks are not wanted: only the message's own URL is left."""
    answer = ask(TelnyxCloud(SEED), "POST", "/messages", {**SMS, "use_profile_webhooks": False, **more})
    assert (answer.status, len(answer.follow_ups)) == (200, told)


@EVERY_SEND
def test_same_key_and_bytes_are_replayed_everywhere(path: str) -> None:
    """For a day; other bytes are refused, and without a key each call is a message."""
    made, value = TelnyxCloud(SEED), SENDS[path]
    target = f"/messages{path}"
    first = ask(made, "POST", target, value, key="k:1")
    again = ask(made, "POST", f"/v2{target}", value, now=NOW + DAY, key="k:1")
    assert (again.status, again.body, again.effect, again.follow_ups) == (200, first.body, None, ())
    assert ask(made, "POST", target, {**value, "webhook_url": "https://example.com"}, key="k:1").status == 422
    assert ask(made, "POST", target, value, now=NOW + DAY + 1, key="k:1").effect not in {None, first.effect}
    assert ask(made, "POST", target, value).effect not in {None, first.effect}


def test_a_key_is_of_one_path() -> None:
    """The same key elsewhere is another call."""
    made = TelnyxCloud(SEED)
    first, second = (ask(made, "POST", path, SMS, key="k") for path in ("/messages", "/messages/long_code"))
    assert None not in {first.effect, second.effect}
    assert first.effect != second.effect


def test_where_no_key_is_declared_a_repeated_call_is_another() -> None:
    """Scheduling knows none: two calls, two messages."""
    made = TelnyxCloud(SEED)
    effects = {ask(made, "POST", "/messages/schedule", SCHEDULED, key="k").effect for _ in range(2)}
    assert (len(effects), None in effects) == (2, False)


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_a_key_of_other_signs_is_refused(key: str) -> None:
    """As its documented pattern says."""
    assert ask(TelnyxCloud(SEED), "POST", "/messages", SMS, key=key).status == 422


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("", {**SMS, "to": None}, "10004"),
        ("", {**SMS, "to": "12015550100"}, "40310"),
        ("", {**SMS, "to": [PERSON]}, "40310"),
        ("", {**SMS, "from": "+19995550100"}, "40305"),
        ("", {**SMS, "from": ["x"]}, "40305"),
        ("", {"to": PERSON, "text": "x"}, "10004"),
        ("", {**SMS, "from": "Shop"}, "10004"),
        ("", {**POOL, "from": "A shop of long name"}, "40305"),
        ("", {**SMS, "messaging_profile_id": "5e5e0000-0000-4000-8000-00000000aaaa"}, "10017"),
        ("", {"from": OURS, "to": PERSON}, "40316"),
        ("", {**SMS, "text": "x" * 1531}, "40302"),
        ("", {**SMS, "text": "ż" * 671}, "40302"),
        ("", {**SMS, "text": 5}, "10026"),
        ("", {**SMS, "subject": 5}, "10026"),
        ("", {**SMS, "media_urls": ["ftp://example.com/a"]}, "10003"),
        ("", {**SMS, "media_urls": "https://example.com/a"}, "10003"),
        ("", {**SMS, "webhook_url": "example.com"}, "10003"),
        ("", {**SMS, "use_profile_webhooks": "no"}, "10026"),
        ("", {**SMS, "auto_detect": 1}, "10026"),
        ("", {**SMS, "type": "FAX"}, "10032"),
        ("", {**SMS, "encoding": ["gsm7"]}, "10032"),
        ("", {**SMS, "send_at": "tomorrow"}, "10026"),
        ("/schedule", {**SMS, "send_at": "2026-01-01T00:04:59Z"}, "10033"),
        ("/schedule", {**SMS, "send_at": "2026-01-06T00:00:01Z"}, "10033"),
        ("/long_code", {**SMS, "from": "55501"}, "40305"),
        ("/long_code", {"to": PERSON, "text": "x"}, "10004"),
        ("/short_code", SMS, "40305"),
        ("/number_pool", {"to": PERSON, "text": "x"}, "10004"),
        ("/group_mms", {**GROUP, "to": [f"+1312555010{n}" for n in range(9)]}, "10033"),
        ("/group_mms", {**GROUP, "to": []}, "10004"),
        ("/group_mms", {**GROUP, "to": PERSON}, "10033"),
        ("/group_mms", {**GROUP, "to": [PERSON, "+61491570156"]}, "40310"),
        ("/group_mms", {**GROUP, "to": [5]}, "40310"),
        ("/whatsapp", {**WHATSAPP, "whatsapp_message": None}, "10004"),
        ("/whatsapp", {**WHATSAPP, "whatsapp_message": {"type": "fax", "fax": {}}}, "10032"),
        ("/whatsapp", {**WHATSAPP, "whatsapp_message": {"type": "image"}}, "10004"),
        ("/whatsapp", {**WHATSAPP, "whatsapp_message": {"type": "text", "text": {"body": "é" * 2049}}}, "10025"),
        (
            "/whatsapp",
            {**WHATSAPP, "whatsapp_message": {"type": "image", "image": {"caption": "x" * 1025}}},
            "10025",
        ),
        ("/whatsapp", {**WHATSAPP, "type": "SMS"}, "10032"),
    ],
)
def test_a_wrong_send_is_refused(path: str, value: dict[str, Any], code: str) -> None:
    """With 422 and the code of its kind, and nothing is sent."""
    answer = ask(TelnyxCloud(SEED), "POST", f"/messages{path}", value)
    assert (answer.status, code_of(answer), answer.effect, answer.follow_ups) == (422, code, None, ())
    assert value_of(answer)["errors"][0]["source"]["pointer"].startswith("/")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", {**SMS, "text": "x" * 1530}),
        ("", {**POOL, "from": "Shop 24"}),
        ("", POOL),
        ("/number_pool", {**POOL, "from": 5}),
        ("", {**SMS, "from": AGENT}),
        ("", {**SMS, "to": "72555"}),
        ("/schedule", {**SMS, "send_at": "2026-01-01T00:05:00Z"}),
        ("/schedule", {**SMS, "send_at": "2026-01-06T00:00:00+00:00"}),
        ("/schedule", SMS),
        ("/group_mms", {**GROUP, "to": [f"+1312555010{n}" for n in range(8)]}),
        ("/whatsapp", {**WHATSAPP, "to": "US.13491208655302741918"}),
        ("/whatsapp", {**WHATSAPP, "whatsapp_message": {"type": "text", "text": {"body": "é" * 2048}}}),
        ("/whatsapp", {**WHATSAPP, "whatsapp_message": {"type": "contacts", "contacts": [{}]}}),
    ],
)
def test_what_is_within_the_limits_is_taken(path: str, value: dict[str, Any]) -> None:
    """The documented limits themselves."""
    assert ask(TelnyxCloud(SEED), "POST", f"/messages{path}", value).status == 200


def test_a_message_shows_how_far_it_is() -> None:
    """Its status changes with the time, and after 10 days it is not there any more."""
    made = TelnyxCloud(SEED)
    path = f"/messages/{ask(made, 'POST', '/messages', SMS).effect}"
    statuses = [shown(made, path, NOW + after)["to"][0]["status"] for after in (0, 0.2, 1, 10 * DAY)]
    assert statuses == ["queued", "sent", "delivered", "delivered"]
    assert ask(made, "GET", path, now=NOW + 10 * DAY + 1).status == 404


def test_what_people_wrote_can_be_read() -> None:
    """By the id that the webhook told; of what was forged nothing is known."""
    made = TelnyxCloud(SEED)
    deliveries = [one for one in traffic_of(made) if one.label == "message.received"]
    for one in deliveries:
        answer = ask(made, "GET", f"/messages/{one.message_id}", now=NOW + 1)
        assert (answer.status == 404) == (one.forgery is not None)
        (event, *_) = normalize(webhook_of(one.body(1)))
        assert isinstance(event, MessageReceived)
        assert one.forgery or value_of(answer)["data"]["direction"] == "inbound"


@pytest.mark.parametrize("path", ["/messages", "/messages/schedule"])
def test_what_is_scheduled_waits(path: str) -> None:
    """Nothing is told of it; when its time has come it goes its way."""
    made = TelnyxCloud(SEED)
    answer = ask(made, "POST", path, SCHEDULED)
    message = value_of(answer)["data"]
    assert (message["to"][0]["status"], message["send_at"], answer.follow_ups) == ("scheduled", IN_AN_HOUR, ())
    found = [shown(made, f"/messages/{answer.effect}", NOW + 3600 + after) for after in (-1, 0.2, 1)]
    assert [one["to"][0]["status"] for one in found] == ["scheduled", "sent", "delivered"]


@pytest.mark.parametrize("path", [path for path in SENDS if path])
def test_other_paths_know_no_time(path: str) -> None:
    """It is passed over, and the message goes out at once."""
    answer = ask(TelnyxCloud(SEED), "POST", f"/messages{path}", {**SENDS[path], "send_at": IN_AN_HOUR})
    assert value_of(answer)["data"]["to"][0]["status"] == "queued"
    assert answer.follow_ups


def test_a_whatsapp_message_has_no_text_of_its_own() -> None:
    """Fields of other paths are passed over, whatever is in them."""
    value = {**WHATSAPP, "text": "x", "media_urls": 5, "subject": 5}
    message = value_of(ask(TelnyxCloud(SEED), "POST", "/messages/whatsapp", value))["data"]
    assert (message["text"], message["media"], message["subject"]) == (None, [], "")


def test_what_is_scheduled_can_be_cancelled_once() -> None:
    """The message comes without `data`; then it stays cancelled."""
    made = TelnyxCloud(SEED)
    path = f"/messages/{ask(made, 'POST', '/messages/schedule', SCHEDULED).effect}"
    first, second = (ask(made, "DELETE", path, now=NOW + 3539) for _ in range(2))
    assert (first.status, value_of(first)["to"][0]["status"]) == (200, "cancelled")
    assert (second.status, code_of(second)) == (403, "10010")
    assert shown(made, path, NOW + DAY)["to"][0]["status"] == "cancelled"


def test_what_cannot_be_cancelled() -> None:
    """In the last minute, what is no scheduled message, and what is none."""
    made = TelnyxCloud(SEED)
    late = f"/messages/{ask(made, 'POST', '/messages/schedule', SCHEDULED).effect}"
    sent = f"/messages/{ask(made, 'POST', '/messages', SMS).effect}"
    answers = [ask(made, "DELETE", path, now=NOW + 3540) for path in (late, sent, "/messages/nobody's")]
    assert [(answer.status, "errors" in value_of(answer)) for answer in answers] == [
        (403, False),
        (403, False),
        (404, False),
    ]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/messages", 405),
        ("PUT", "/messages/x", 405),
        ("POST", "/messages/alphanumeric_sender_id", 405),
        ("GET", "/messages/whatsapp", 404),
        ("GET", "/v3/messages/x", 404),
        ("POST", "/messaging_numbers/bulk_updates", 404),
        ("GET", "/messaging_numbers/bulk_updates/x", 404),
        ("DELETE", "/messaging_optouts", 405),
    ],
)
def test_unknown_paths_and_methods(method: str, path: str, status: int) -> None:
    """404 for what is not there, 405 for another method."""
    assert ask(TelnyxCloud(SEED), method, path).status == status


@settings(deadline=None, max_examples=200)
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
    path=st.sampled_from(
        [
            *(f"/messages{rest}" for rest in (*SENDS, "/schedule", "/x")),
            "/messaging_numbers_bulk_updates",
            "/phone_numbers/1293384261075731499/messaging",
            "/messaging_profiles/40017c01-0000-4000-8000-000000000555",
            "/messaging_optouts?created_at[gte]=x",
            "/phone_numbers/messaging?page[size]=251",
        ]
    ),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ),
)
def test_no_call_breaks_the_cloud_of_telnyx(method: str, path: str, value: Any) -> None:
    """Whatever the customer asks, there is an answer."""
    assert 200 <= ask(TelnyxCloud(SEED), method, path, value).status < 500


@settings(deadline=None, max_examples=300)
@given(
    path=st.sampled_from([*SENDS, "/schedule"]),
    changes=st.dictionaries(
        st.sampled_from(
            ["from", "to", "text", "subject", "media_urls", "type", "encoding", "send_at", "whatsapp_message"]
        ),
        st.none()
        | st.integers()
        | st.text(max_size=20)
        | st.lists(st.text(max_size=9) | st.none(), max_size=9)
        | st.dictionaries(st.sampled_from(["type", "text"]), st.sampled_from(["text", "contacts"]), max_size=2),
        max_size=4,
    ),
)
def test_no_message_breaks_the_cloud_of_telnyx(path: str, changes: dict[str, Any]) -> None:
    """Fields of every kind: taken or refused, never a fault."""
    answer = ask(TelnyxCloud(SEED), "POST", f"/messages{path}", {**SENDS.get(path, SMS), **changes})
    assert answer.status in {200, 400, 403, 422}
    assert (answer.status == 200) == (answer.effect is not None)
