"""The API of the simulated MessageMedia: who may call, what waits until it is confirmed, what is refused."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.contract import Secret, Verdict
from providers.messagemedia.api.authorization import Authentication, Hmac
from providers.messagemedia.normalize import normalize
from providers.messagemedia.signature import verifier
from providers.messagemedia.simulation.cloud import MessageMediaCloud
from providers.messagemedia.simulation.stories import STORIES
from providers.rest.transport import Call
from providers.simulation import ApiAnswer, Forgery
from tests.support.simulated import NOW, SEED, account_of, answer_of, polled, request_of, told, webhook_of

SMS = {"content": "Open 9 to 17.", "destination_number": "+12015550100", "delivery_report": True}
LATER = NOW + 60
WEBHOOK = {"url": "https://example.com/a", "method": "POST", "encoding": "JSON", "events": ["RECEIVED_SMS"]}
_BLACKLIST = "/v1/number_authorisation/mt/blacklist"


def basic(made: MessageMediaCloud) -> dict[str, str]:
    """Return the headers of the customer."""
    names = made.environment()
    pair = f"{names['MESSAGEMEDIA_API_KEY']}:{names['MESSAGEMEDIA_API_SECRET']}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}", "account": "a-sub-account"}


def ask(made: MessageMediaCloud, method: str, path: str, value: Any = None, now: float = LATER) -> ApiAnswer:
    """Return the answer to the customer's call."""
    return answer_of(made, basic(made), (method, path), value, now)


def value_of(answer: ApiAnswer) -> Any:
    """Return the JSON of an answer."""
    return json.loads(answer.body)


def waiting(made: MessageMediaCloud, name: str = "replies", now: float = LATER) -> list[dict[str, Any]]:
    """Return what a check of a queue shows."""
    found: list[dict[str, Any]] = value_of(ask(made, "GET", f"/v1/{name}", now=now))[name]
    return found


@pytest.mark.parametrize("authorization", ["", "Basic eDp5", "Bearer x", 'hmac username="x"', "Basic \xff"])
def test_a_stranger_is_refused(authorization: str) -> None:
    """Neither key nor secret: 401, and nothing is sent."""
    answer = answer_of(MessageMediaCloud(SEED), {"authorization": authorization}, ("POST", "/v1/messages"), [SMS])
    assert (answer.status, answer.effect) == (401, None)
    assert value_of(answer) == {"message": "Invalid authentication credentials"}


@pytest.mark.parametrize("kind", [Authentication.HMAC_SHA256, Authentication.HMAC_SHA1])
@pytest.mark.parametrize("body", [None, b'{"reply_ids":["a"]}'])
async def test_a_signed_call_is_admitted(kind: Authentication, body: bytes | None) -> None:
    """With both digests, with a body and without; a changed byte is not."""
    made = MessageMediaCloud(SEED)
    names = made.environment()
    key, secret = (Secret(names[f"MESSAGEMEDIA_API_{what}"], "env:X") for what in ("KEY", "SECRET"))
    method, path = ("GET", "/v1/replies") if body is None else ("POST", "/v1/replies/confirmed")
    proof = await Hmac(key, secret, kind, lambda: NOW).headers(
        Call(name="x", method=method, path=path, body=body), path
    )
    headers = {name.lower(): value for name, value in proof.items()}
    assert made.answer(method, path, headers, body or b"", NOW).status in {200, 202}
    assert made.answer(method, path, headers, (body or b"") + b" ", NOW).status == 401


def test_sending_answers_with_ids_and_reports_follow() -> None:
    """Each message has an id of its own, and the reports of its life."""
    answer = ask(MessageMediaCloud(SEED), "POST", "/v1/messages", {"messages": [SMS, SMS]})
    messages = value_of(answer)["messages"]
    assert (answer.status, {one["status"] for one in messages}) == (202, {"queued"})
    assert (answer.effect, *answer.more_effects) == tuple(one["message_id"] for one in messages)
    statuses = [json.loads(one.body(1))["status"] for one in answer.follow_ups]
    assert statuses == ["enroute", "submitted", "delivered"] * 2


def test_reports_of_what_was_sent_have_the_message() -> None:
    """They verify and normalize like all others."""
    made = MessageMediaCloud(SEED)
    answer = ask(made, "POST", "/v1/messages", {"messages": [SMS]})
    requests = [request_of(made, outgoing) for outgoing in answer.follow_ups]
    assert {verifier(account_of(made)).verify(one, NOW).verdict for one in requests} == {Verdict.VERIFIED}
    events = [event for one in requests for event in normalize(webhook_of("messagemedia", one))]
    assert {event.message_id for event in events} == {answer.effect}


def test_without_the_wish_there_are_no_reports() -> None:
    """`delivery_report` is false by default."""
    made = MessageMediaCloud(SEED)
    answer = ask(made, "POST", "/v1/messages", {"messages": [{**SMS, "delivery_report": False}]})
    assert (answer.status, answer.follow_ups, waiting(made, "delivery_reports")) == (202, (), [])


@pytest.mark.parametrize(
    "change",
    [
        {"content": ""},
        {"content": "x" * 5001},
        {"destination_number": "12015550100"},
        {"destination_number": "+1"},
        {"format": "FAX"},
        {"format": ["SMS"]},
        {"metadata": {str(number): "x" for number in range(11)}},
        {"metadata": {"key": 5}},
        {"media": ["https://example.com/a.png"]},
        {"format": "MMS", "subject": "x" * 65},
        {"scheduled": "tomorrow"},
        {"source_number_type": "ODD"},
    ],
)
def test_one_wrong_message_stops_them_all(change: dict[str, Any]) -> None:
    """All or nothing, with a pointer to what is wrong."""
    answer = ask(MessageMediaCloud(SEED), "POST", "/v1/messages", {"messages": [SMS, {**SMS, **change}]})
    assert (answer.status, answer.effect, answer.follow_ups) == (400, None, ())
    assert value_of(answer)["details"][0].startswith(f"/messages/1/{list(change)[-1]}: ")


@pytest.mark.parametrize("number", [0, 101])
def test_a_call_sends_1_to_100(number: int) -> None:
    """None is too few, 101 are too many."""
    assert ask(MessageMediaCloud(SEED), "POST", "/v1/messages", {"messages": [SMS] * number}).status == 400


def test_a_message_shows_how_far_it_is() -> None:
    """Its status changes with the time."""
    made = MessageMediaCloud(SEED)
    path = f"/v1/messages/{ask(made, 'POST', '/v1/messages', {'messages': [SMS]}, NOW).effect}"
    statuses = [value_of(ask(made, "GET", path, now=NOW + after))["status"] for after in (0, 0.2, 0.4, 1)]
    assert statuses == ["queued", "enroute", "submitted", "delivered"]


def test_what_is_scheduled_can_be_cancelled_once() -> None:
    """Afterwards, and after its time, it cannot."""
    made = MessageMediaCloud(SEED)
    message = {**SMS, "scheduled": "2026-01-02T00:00:00.000Z"}
    path = f"/v1/messages/{ask(made, 'POST', '/v1/messages', {'messages': [message]}, NOW).effect}"
    assert value_of(ask(made, "GET", path, now=NOW))["status"] == "scheduled"
    answers = [ask(made, "PUT", path, {"status": "cancelled"}, NOW) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 400]
    assert value_of(answers[1]) == {"message": "Message is not currently scheduled"}
    assert value_of(ask(made, "GET", path, now=NOW + 2 * 86_400))["status"] == "cancelled"


def test_what_was_told_waits_until_it_is_confirmed() -> None:
    """A push confirms nothing; a confirmation takes effect a moment later."""
    made = MessageMediaCloud(SEED)
    told(made, len(STORIES))
    ids = [item["reply_id"] for item in waiting(made)]
    assert (len(ids), made.unconfirmed()) == (len(set(ids)), len(ids) + len(waiting(made, "delivery_reports")))
    answer = ask(made, "POST", "/v1/replies/confirmed", {"reply_ids": ids})
    assert (answer.status, answer.headers["content-type"]) == (202, "text/plain")
    assert [item["reply_id"] for item in waiting(made)] == ids
    assert waiting(made, now=LATER + 1) == []
    assert (made.confirmed(), made.strays()) == (len(ids), 0)


def test_a_message_that_reports_were_told_of_is_there() -> None:
    """Whoever asks about it is not told that there is none."""
    made = MessageMediaCloud(SEED)
    told(made, len(STORIES))
    said = {item["message_id"]: item["status"] for item in waiting(made, "delivery_reports")}
    found = {one: value_of(ask(made, "GET", f"/v1/messages/{one}"))["status"] for one in said}
    assert found == said


def test_confirming_twice_does_no_harm_and_strangers_are_counted() -> None:
    """An id that was confirmed long ago is no stray; one that never was is."""
    made = MessageMediaCloud(SEED)
    told(made, len(STORIES))
    first = waiting(made)[0]["reply_id"]
    for now in (LATER, LATER, LATER + 10):
        waiting(made, now=now)
        ask(made, "POST", "/v1/replies/confirmed", {"reply_ids": [first, first]}, now)
    assert (made.confirmed(), made.strays()) == (1, 0)
    ask(made, "POST", "/v1/replies/confirmed", {"reply_ids": ["another's"]})
    assert made.strays() == 1


def test_a_check_shows_the_oldest_100() -> None:
    """Newer ones appear when those are confirmed."""
    made = MessageMediaCloud(SEED)
    for _ in range(2):
        ask(made, "POST", "/v1/messages", {"messages": [SMS] * 40}, NOW)
    first = [item["delivery_report_id"] for item in waiting(made, "delivery_reports")]
    assert len(first) == 100
    ask(made, "POST", "/v1/delivery_reports/confirmed", {"delivery_report_ids": first})
    second = [item["delivery_report_id"] for item in waiting(made, "delivery_reports", LATER + 1)]
    assert len(second) == 100
    assert not set(first) & set(second)


@pytest.mark.parametrize("ids", [[], ["x"] * 101, "x", None, [5], [""]])
def test_a_confirmation_names_1_to_100_ids(ids: object) -> None:
    """101 are refused."""
    made = MessageMediaCloud(SEED)
    for kind, name in (("replies", "reply_ids"), ("delivery_reports", "delivery_report_ids")):
        answer = ask(made, "POST", f"/v1/{kind}/confirmed", {name: ids})
        assert (answer.status, "details" in value_of(answer)) == (400, True)


def test_100_ids_are_taken() -> None:
    """The documented limit itself."""
    ids = [str(number) for number in range(100)]
    assert ask(MessageMediaCloud(SEED), "POST", "/v1/replies/confirmed", {"reply_ids": ids}).status == 202


def test_a_poll_gives_the_events_of_the_push() -> None:
    """One id for a report or reply that both told of (P8)."""
    made = MessageMediaCloud(SEED)
    pushed = {
        event.provider_event_id: event.id
        for outgoing in told(made, len(STORIES))
        if outgoing.forgery is None
        for event in normalize(webhook_of("messagemedia", request_of(made, outgoing)))
    }
    both = [
        (pushed[event.provider_event_id], event.id)
        for name in ("replies", "delivery_reports")
        for item in waiting(made, name)
        for event in normalize(polled("messagemedia", f"/v1/{name}", item))
        if event.provider_event_id in pushed
    ]
    assert len(both) > 30
    assert [one for one in both if one[0] != one[1]] == []


def test_webhooks_are_made_listed_changed_and_deleted() -> None:
    """URL and method together are unique."""
    made = MessageMediaCloud(SEED)
    first = ask(made, "POST", "/v1/webhooks/messages", WEBHOOK)
    assert (first.status, value_of(first)["retries"]) == (201, 0)
    assert ask(made, "POST", "/v1/webhooks/messages", WEBHOOK).status == 409
    other = value_of(ask(made, "POST", "/v1/webhooks/messages", {**WEBHOOK, "url": "https://example.com/b"}))
    listed = value_of(ask(made, "GET", "/v1/webhooks/messages?page=1&page_size=1"))
    assert (listed["page"], listed["pageSize"], listed["pageData"]) == (1, 1, [other])
    path = f"/v1/webhooks/messages/{other['id']}"
    changes = [{"url": WEBHOOK["url"]}, {}, {"events": []}, {"retries": 1}, {"method": "PUT"}]
    assert [ask(made, "PATCH", path, change).status for change in changes] == [409, 400, 400, 400, 200]
    assert [ask(made, "DELETE", path).status for _ in range(2)] == [204, 404]
    assert ask(made, "PATCH", path, {"method": "PUT"}).status == 404


@pytest.mark.parametrize(
    "change",
    [
        {"url": "ftp://example.com"},
        {"method": "HEAD"},
        {"method": ["POST"]},
        {"encoding": "YAML"},
        {"events": ["ODD"]},
        {"events": [[]]},
        {"headers": {"Content-Type": "x"}},
        {"retries": 6},
        {"retry_delay": 4},
        {"read_timeout": 60_001},
    ],
)
def test_a_wrong_webhook_is_refused(change: dict[str, Any]) -> None:
    """As documented, without a word of what is wrong."""
    assert ask(MessageMediaCloud(SEED), "POST", "/v1/webhooks/messages", {**WEBHOOK, **change}).status == 400


def test_a_public_key_is_told_once() -> None:
    """At its creation, and never again."""
    made = MessageMediaCloud(SEED)
    created = value_of(ask(made, "POST", "/v1/iam/signature_keys", {"digest": "SHA512", "cipher": "RSA"}))
    path = f"/v1/iam/signature_keys/{created['key_id']}"
    assert (created["enabled"], bool(created["public_key"])) == (False, True)
    shown = [value_of(ask(made, "GET", path)), *value_of(ask(made, "GET", "/v1/iam/signature_keys"))]
    assert [one for one in shown if "public_key" in one] == []
    assert shown[1]["key_id"] == created["key_id"]


def test_one_key_is_enabled_and_signs() -> None:
    """Enabling the new one disables the old one; what is delivered then is signed with it."""
    made = MessageMediaCloud(SEED)
    created = value_of(ask(made, "POST", "/v1/iam/signature_keys", {"digest": "SHA512", "cipher": "RSA"}))
    assert ask(made, "PATCH", "/v1/iam/signature_keys/enabled", {"key_id": created["key_id"]}).status == 200
    assert value_of(ask(made, "GET", "/v1/iam/signature_keys/enabled"))["key_id"] == created["key_id"]
    assert [one["enabled"] for one in value_of(ask(made, "GET", "/v1/iam/signature_keys"))] == [True, False]
    key = {"id": created["key_id"], "digest": "SHA512", "public_key": Secret(created["public_key"], "x")}
    request = request_of(made, told(made, 1)[0])
    assert verifier(account_of(made, keys=(key,))).verify(request, NOW).verdict is Verdict.VERIFIED
    assert verifier(account_of(made)).verify(request, NOW).verdict is Verdict.UNKNOWN_KEY


def test_without_an_enabled_key_a_secret_header_proves() -> None:
    """Nothing is signed, and the headers of the registered webhooks come along: not with a forgery."""
    made = MessageMediaCloud(SEED)
    ask(made, "POST", "/v1/webhooks/messages", {**WEBHOOK, "headers": {"X-Hookline-Secret": "s3cret"}})
    assert ask(made, "DELETE", "/v1/iam/signature_keys/enabled").status == 204
    assert ask(made, "GET", "/v1/iam/signature_keys/enabled").status == 404
    outgoing = next(one for one in told(made, len(STORIES)) if one.forgery is None and one.method == "POST")
    headers = dict(request_of(made, outgoing).headers)
    assert (headers["x-hookline-secret"], "x-messagemedia-signature" in headers) == ("s3cret", False)
    assert "x-hookline-secret" not in made.headers(request_of(made, outgoing), NOW, Forgery.UNSIGNED)


@pytest.mark.parametrize(
    ("method", "path", "value", "status"),
    [
        ("POST", "", {"digest": "MD5", "cipher": "RSA"}, 400),
        ("POST", "", {"digest": ["SHA256"], "cipher": "RSA"}, 400),
        ("PATCH", "/enabled", {}, 400),
        ("PATCH", "/enabled", {"key_id": "nobody's"}, 404),
        ("GET", "/nobody's", None, 404),
        ("DELETE", "/nobody's", None, 404),
    ],
)
def test_wrong_calls_for_keys_are_refused(method: str, path: str, value: Any, status: int) -> None:
    """Each with the provider's status."""
    assert ask(MessageMediaCloud(SEED), method, f"/v1/iam/signature_keys{path}", value).status == status


def test_a_deleted_key_signs_no_more() -> None:
    """Nothing is enabled then."""
    made = MessageMediaCloud(SEED)
    enabled = value_of(ask(made, "GET", "/v1/iam/signature_keys/enabled"))["key_id"]
    assert ask(made, "DELETE", f"/v1/iam/signature_keys/{enabled}").status == 200
    assert ask(made, "GET", "/v1/iam/signature_keys/enabled").status == 404


def test_who_opted_out_is_on_the_blacklist() -> None:
    """A message to somebody on it is rejected."""
    made = MessageMediaCloud(SEED)
    told(made, len(STORIES))
    numbers = value_of(ask(made, "GET", _BLACKLIST))["numbers"]
    assert len(numbers) == 2
    answer = ask(made, "POST", "/v1/messages", {"messages": [{**SMS, "destination_number": numbers[0]}]})
    assert [json.loads(one.body(1))["error_code"] for one in answer.follow_ups] == ["302"]
    authorised = value_of(ask(made, "GET", f"/v1/number_authorisation/is_authorised/{numbers[0]},+12015550199"))
    assert [one["authorised"] for one in authorised["numbers"]] == [False, True]
    assert [ask(made, "DELETE", f"{_BLACKLIST}/{numbers[0]}").status for _ in range(2)] == [204, 404]


@pytest.mark.parametrize("numbers", [[], ["+12015550100"] * 11, [5], None])
def test_the_blacklist_takes_1_to_10_numbers(numbers: object) -> None:
    """Eleven are refused."""
    assert ask(MessageMediaCloud(SEED), "POST", _BLACKLIST, {"numbers": numbers}).status == 400


def test_credits_are_told() -> None:
    """In a shape of ours."""
    assert ask(MessageMediaCloud(SEED), "GET", "/v1/messaging/credits").status == 200


def test_unknown_paths_and_methods_are_told_apart() -> None:
    """404 and 405."""
    made = MessageMediaCloud(SEED)
    assert [ask(made, *call).status for call in (("GET", "/v1/elsewhere"), ("DELETE", "/v1/replies"))] == [404, 405]


PATHS = st.sampled_from(
    [
        "/v1/messages",
        "/v1/messages/x",
        "/v1/replies/confirmed",
        "/v1/webhooks/messages?page=99999999999999999999",
        "/v1/webhooks/messages/x",
        "/v1/iam/signature_keys",
        "/v1/iam/signature_keys/enabled",
        f"{_BLACKLIST}?token=-1",
        f"{_BLACKLIST}/%ff",
        "//",
        "",
    ]
)
ITEMS = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)
NAMES = (
    "messages",
    "reply_ids",
    "status",
    "url",
    "method",
    "encoding",
    "events",
    "headers",
    "digest",
    "key_id",
    "numbers",
)


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    path=PATHS,
    value=st.binary() | st.dictionaries(st.sampled_from(NAMES), ITEMS | st.lists(st.dictionaries(st.text(), ITEMS))),
)
def test_no_call_breaks_the_cloud(method: str, path: str, value: Any) -> None:
    """Whatever its body: an answer, and never an exception."""
    assert 200 <= ask(MessageMediaCloud(SEED), method, path, value).status < 500
