"""The API of the simulated Syniverse: its token, its versions, its pages, what is sent and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.simulation import ApiAnswer, Misbehavior
from providers.syniverse.simulation.bodies import CHANNEL, SENDER, SHORT_SENDER
from providers.syniverse.simulation.cloud import SyniverseCloud
from providers.syniverse.simulation.resources import LONGEST_PAGE
from providers.syniverse.simulation.stories import STORIES
from tests.support.simulated import NOW, SEED, answer_of, told

BASE = "/scg-external-api/api/v1"
REQUESTS = f"{BASE}/messaging/message_requests"
MESSAGES = f"{BASE}/messaging/messages"
CONTACTS = f"{BASE}/contacts"
GROUPS = f"{BASE}/contact_groups"
CONSENT = f"{BASE}/consent/contact_address_statuses"
REFRESH = "/saop-rest-data/v1/apptoken-refresh"
PERSON = "+12015550100"
TEXT = {"from": f"sender_id:{SENDER}", "to": [PERSON], "body": "Open 9 to 17.", "external_id": "c1"}


def ask(
    made: SyniverseCloud, method: str, path: str, value: Any = None, *, now: float = NOW, token: str | None = None
) -> ApiAnswer:
    """Return the answer to a call with the token of the cloud, or another."""
    bearer = {"authorization": f"Bearer {token or made.environment()['SYNIVERSE_TOKEN']}"}
    return answer_of(made, bearer, (method, path), value, now)


def value_of(answer: ApiAnswer) -> Any:
    """Return the JSON of an answer."""
    return json.loads(answer.body)


def create(made: SyniverseCloud, path: str, value: Any) -> str:
    """Return the id of what was made."""
    answer = ask(made, "POST", path, value)
    assert answer.status == 200, answer.body
    made_id: str = value_of(answer)["id"]
    return made_id


def refreshed(made: SyniverseCloud, **changes: str) -> ApiAnswer:
    """Return the answer to a regeneration of the token."""
    names = made.environment()
    given = {
        "consumerkey": names["SYNIVERSE_CONSUMER_KEY"],
        "consumersecret": names["SYNIVERSE_CONSUMER_SECRET"],
        "oldtoken": names["SYNIVERSE_TOKEN"],
        "validity": "0",
        **changes,
    }
    query = "&".join(f"{name}={value}" for name, value in given.items() if value)
    return answer_of(made, {}, ("GET", f"{REFRESH}?{query}"))


def test_a_token_is_asked_for() -> None:
    """Another one is refused."""
    assert ask(SyniverseCloud(SEED), "GET", CONTACTS, token="nobody's").status == 401


def test_a_refresh_kills_the_old_token() -> None:
    """The new one works at once."""
    made = SyniverseCloud(SEED)
    old = made.environment()["SYNIVERSE_TOKEN"]
    new = value_of(refreshed(made))["accessToken"]
    assert [ask(made, "GET", CONTACTS, token=token).status for token in (old, new)] == [401, 200]


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"oldtoken": ""}, 400), ({"oldtoken": "another"}, 500), ({"consumersecret": "wrong"}, 500)],
)
def test_a_wrong_refresh_changes_nothing(changes: dict[str, str], status: int) -> None:
    """A wrong secret is 500 with this provider; the token stays."""
    made = SyniverseCloud(SEED)
    answer = refreshed(made, **changes)
    assert (answer.status, value_of(answer)["errorCode"]) == (status, 1)
    assert ask(made, "GET", CONTACTS).status == 200


def test_a_token_with_an_end_ends() -> None:
    """After its validity it is refused; a shorter validity leaves it in place."""
    made = SyniverseCloud(SEED)
    first = value_of(refreshed(made, validity="1000"))["accessToken"]
    assert value_of(refreshed(made, validity="900"))["accessToken"] == first
    assert ask(made, "GET", CONTACTS, now=NOW + 999).status == 200
    assert ask(made, "GET", CONTACTS, now=NOW + 1001).status == 401


def test_a_token_can_be_told_to_end() -> None:
    """It is dead until it is refreshed, and that as often as asked."""
    made = SyniverseCloud(SEED)
    assert made.misbehave(Misbehavior.EXPIRED_TOKEN, 2)
    for _ in range(2):
        assert [ask(made, "GET", CONTACTS).status for _ in range(2)] == [401, 401]
        refreshed(made)
        assert ask(made, "GET", CONTACTS).status == 200
        # That call was the use after which the next end comes.
    assert ask(made, "GET", CONTACTS).status == 200


def test_a_contact_is_made_changed_replaced_and_deleted() -> None:
    """Each change raises the version; a replacement forgets what it does not name."""
    made = SyniverseCloud(SEED)
    path = f"{CONTACTS}/{create(made, CONTACTS, {'first_name': 'Ada', 'last_name': 'L', 'version_number': 9})}"
    assert value_of(ask(made, "GET", path))["version_number"] == 1
    assert ask(made, "POST", path, {"first_name": "Bea", "version_number": 1}).status == 204
    changed = value_of(ask(made, "GET", path))
    assert (changed["first_name"], changed["last_name"], changed["version_number"]) == ("Bea", "L", 2)
    assert ask(made, "PUT", path, {"last_name": "M", "version_number": 2}).status == 204
    replaced = value_of(ask(made, "GET", path))
    assert ("first_name" in replaced, replaced["last_name"], replaced["version_number"]) == (False, "M", 3)
    assert replaced["created_date"] == changed["created_date"]
    assert [ask(made, "DELETE", path).status for _ in range(2)] == [204, 404]


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_a_stale_version_is_refused(version: object) -> None:
    """409 with 1001; without a version 400."""
    made = SyniverseCloud(SEED)
    path = f"{CONTACTS}/{create(made, CONTACTS, {'first_name': 'Ada'})}"
    for method in ("POST", "PUT"):
        answer = ask(made, method, path, {"first_name": "Bea", "version_number": version})
        expected = (400, "4001") if version is None else (409, "1001")
        assert (answer.status, value_of(answer)["error_code"]) == expected
    assert value_of(ask(made, "GET", path))["first_name"] == "Ada"


def test_somebody_can_be_told_to_come_before() -> None:
    """A version that was right is stale then; the next try with the new one is not."""
    made = SyniverseCloud(SEED)
    path = f"{CONTACTS}/{create(made, CONTACTS, {'first_name': 'Ada'})}"
    assert made.misbehave(Misbehavior.STALE_VERSION, 1)
    assert [ask(made, "POST", path, {"version_number": version}).status for version in (1, 2)] == [409, 204]


def test_other_misbehavior_is_not_of_this_cloud() -> None:
    """The one who serves the API does it."""
    assert not SyniverseCloud(SEED).misbehave(Misbehavior.RATE_LIMIT, 1)


def test_a_page_has_a_ceiling() -> None:
    """However many are asked for; the rest is on later pages."""
    made = SyniverseCloud(SEED)
    ids = [create(made, CONTACTS, {"first_name": str(number)}) for number in range(LONGEST_PAGE + 5)]
    first = value_of(ask(made, "GET", f"{CONTACTS}?limit=1000"))
    second = value_of(ask(made, "GET", f"{CONTACTS}?limit=1000&offset={LONGEST_PAGE}"))
    assert (first["limit"], first["total"], len(first["list"])) == (LONGEST_PAGE, len(ids), LONGEST_PAGE)
    assert [one["id"] for one in first["list"] + second["list"]] == ids


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("first_name=a", ["a"]),
        ("first_name=a,c", ["a", "c"]),
        ("sort=-first_name", ["c", "b", "a"]),
        ("created_date=%5B2025-12-31T00:00:00Z,2026-01-02T00:00:00Z%5D", ["a", "b", "c"]),
        ("created_date=[0,1]", []),
        ("flag=true", ["b"]),
        ("gender=x", []),
    ],
)
def test_lists_are_filtered_and_sorted(query: str, names: list[str]) -> None:
    """Values joined by commas, ranges of dates in both forms."""
    made = SyniverseCloud(SEED)
    for name in "abc":
        create(made, CONTACTS, {"first_name": name, "flag": name == "b"})
    assert [one["first_name"] for one in value_of(ask(made, "GET", f"{CONTACTS}?{query}"))["list"]] == names


def test_a_request_is_sent_reported_and_completed() -> None:
    """Its messages become SENT and DELIVERED, in the store as in the events."""
    made = SyniverseCloud(SEED)
    answer = ask(made, "POST", REQUESTS, TEXT)
    request_id = value_of(answer)["id"]
    states = [json.loads(one.body(1))["event"]["fld-val-list"]["new_state"] for one in answer.follow_ups]
    assert (answer.status, answer.effect, states) == (200, request_id, ["SENT", "DELIVERED", "COMPLETED"])
    found = [
        (
            value_of(ask(made, "GET", f"{REQUESTS}/{request_id}/messages", now=NOW + after))["list"][0]["state"],
            value_of(ask(made, "GET", f"{REQUESTS}/{request_id}", now=NOW + after))["state"],
        )
        for after in (0, 0.2, 0.45, 1)
    ]
    assert found == [
        ("CREATED", "ACCEPTED"),
        ("SENT", "ACCEPTED"),
        ("DELIVERED", "ACCEPTED"),
        ("DELIVERED", "COMPLETED"),
    ]
    assert value_of(ask(made, "GET", f"{REQUESTS}?external_id=c1"))["total"] == 1


def test_a_group_and_a_contact_stand_for_their_numbers() -> None:
    """Each member gets the message; an unknown member is told, and the others are added."""
    made = SyniverseCloud(SEED)
    people = [create(made, CONTACTS, {"primary_mdn": f"+1201555010{number}"}) for number in range(2)]
    group = create(made, GROUPS, {"name": "all"})
    answer = value_of(ask(made, "POST", f"{GROUPS}/{group}/contacts", {"contacts": [*people, "nobody"]}))
    assert answer == {"errors": {"nobody": "Unknown document: nobody"}}
    request_id = create(made, REQUESTS, {**TEXT, "to": [f"group:{group}", f"contact:{people[0]}"]})
    sent = value_of(ask(made, "GET", f"{REQUESTS}/{request_id}/messages"))["list"]
    assert [one["to_address"] for one in sent] == ["+12015550100", "+12015550101", "+12015550100"]


def test_members_are_listed_and_removed() -> None:
    """A group without members lists none."""
    made = SyniverseCloud(SEED)
    person, group = create(made, CONTACTS, {"first_name": "Ada"}), create(made, GROUPS, {"name": "all"})
    path = f"{GROUPS}/{group}/contacts"
    assert value_of(ask(made, "POST", path, {"contacts": [person]})) == {}
    assert value_of(ask(made, "GET", f"{GROUPS}/{group}"))["member_count"] == 1
    assert [one["id"] for one in value_of(ask(made, "GET", path))["list"]] == [person]
    assert [ask(made, "DELETE", f"{path}/{person}").status for _ in range(2)] == [204, 404]
    assert value_of(ask(made, "GET", path))["list"] == []
    assert [
        ask(made, method, f"{GROUPS}/nobody/contacts", {"contacts": ["x"]}).status for method in ("GET", "POST")
    ] == [
        404,
        404,
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"from": None}, "4001"),
        ({"from": "sender_id:nobody"}, "40018"),
        ({"from": "fax:1"}, "40018"),
        ({"to": []}, "4001"),
        ({"to": PERSON}, "4001"),
        ({"to": [5]}, "4001"),
        ({"body": ""}, "4001"),
        ({"attachments": ["a"], "media_urls": ["b"]}, "40010"),
        ({"group_mms": True, "to": [PERSON] * 11}, "40015"),
        ({"external_id": "x" * 1501}, "4006"),
    ],
)
def test_a_wrong_request_is_refused(change: dict[str, Any], code: str) -> None:
    """With the provider's code, and nothing is sent."""
    answer = ask(SyniverseCloud(SEED), "POST", REQUESTS, {**TEXT, **change})
    assert (answer.status, value_of(answer)["error_code"], answer.effect) == (400, code, None)


@pytest.mark.parametrize("sender", [SENDER, f"sender_id:{SHORT_SENDER}", f"channel:{CHANNEL}", CHANNEL])
def test_a_sender_is_named_in_several_ways(sender: str) -> None:
    """By its id, with and without a prefix, or by a channel."""
    answer = ask(SyniverseCloud(SEED), "POST", MESSAGES, {**TEXT, "from": sender, "to": PERSON})
    assert (answer.status, answer.effect) == (200, value_of(answer)["id"])


def test_a_paused_request_goes_on_when_it_is_told() -> None:
    """Nothing is sent before; afterwards it can be neither resumed nor cancelled."""
    made = SyniverseCloud(SEED)
    answer = ask(made, "POST", REQUESTS, {**TEXT, "pause_before_transmit": True})
    path = f"{REQUESTS}/{value_of(answer)['id']}"
    assert answer.follow_ups == ()
    resumed = ask(made, "POST", path, {"state": "TRANSMITTING", "version_number": 1})
    assert (resumed.status, len(resumed.follow_ups)) == (204, 3)
    version = value_of(ask(made, "GET", path, now=NOW + 9))["version_number"]
    assert ask(made, "POST", path, {"state": "CANCELED", "version_number": version}).status == 403
    assert ask(made, "POST", path, {"state": "ODD", "version_number": version}).status == 400


def test_what_is_scheduled_can_be_taken_back() -> None:
    """Once."""
    made = SyniverseCloud(SEED)
    later = {**TEXT, "scheduled_delivery_time": int((NOW + 3600) * 1000)}
    for path, value in ((REQUESTS, later), (MESSAGES, {**later, "to": PERSON})):
        answer = ask(made, "POST", path, value)
        scheduled = f"{path}/scheduled/{value_of(answer)['id']}"
        assert (answer.status, answer.follow_ups) == (200, ())
        assert [ask(made, "DELETE", scheduled).status for _ in range(2)] == [204, 403]
        assert ask(made, "DELETE", f"{path}/scheduled/nobody").status == 404


def test_who_opted_out_gets_nothing_more() -> None:
    """The message fails with 1005, and the history tells how the consent came."""
    made = SyniverseCloud(SEED)
    body = {"sender_id": SENDER, "addresses": [PERSON], "consent_status": "SMS"}
    assert ask(made, "POST", f"{CONSENT}/optout", body).status == 200
    events = [json.loads(one.body(1))["event"]["fld-val-list"] for one in ask(made, "POST", REQUESTS, TEXT).follow_ups]
    assert [(event["new_state"], event["reason_code"]) for event in events] == [
        ("FAILED", "1005"),
        ("COMPLETED", "200"),
    ]
    history = value_of(ask(made, "GET", f"{BASE}/consent/contact_address_history?msisdn=%2B12015550100"))["list"]
    assert [(one["source"], one["status"]) for one in history] == [("COMPANY", "OPTOUT")]


def test_a_status_of_consent_is_set() -> None:
    """With its version; the number can be written to again."""
    made = SyniverseCloud(SEED)
    ask(made, "POST", f"{CONSENT}/optout", {"sender_id": SENDER, "addresses": [PERSON], "consent_status": "WEB"})
    (status,) = value_of(ask(made, "GET", CONSENT))["list"]
    assert (
        ask(made, "POST", f"{CONSENT}/{status['id']}", {"consent_status": "OPTIN", "version_number": 1}).status == 204
    )
    assert len(ask(made, "POST", REQUESTS, TEXT).follow_ups) == 3


@pytest.mark.parametrize(
    "change", [{"sender_id": ""}, {"addresses": []}, {"addresses": PERSON}, {"consent_status": "OPTOUT"}]
)
def test_a_wrong_opt_out_is_refused(change: dict[str, Any]) -> None:
    """Its `consent_status` is a way of opting out, no status."""
    body = {"sender_id": SENDER, "addresses": [PERSON], "consent_status": "SMS", **change}
    assert ask(SyniverseCloud(SEED), "POST", f"{CONSENT}/optout", body).status == 400


def test_what_people_wrote_waits_until_it_is_processed() -> None:
    """It stands in the list of received messages; a mark takes it off, once."""
    made = SyniverseCloud(SEED)
    told(made, len(STORIES))
    path = f"{MESSAGES}?direction=MO&state=RECEIVED"
    received = value_of(ask(made, "GET", path))["list"]
    assert (made.unconfirmed(), made.confirmed(), len(received)) == (len(received), 0, len(received))
    item = f"{MESSAGES}/{received[0]['id']}"
    for version, status in ((1, 204), (1, 409), (2, 204)):
        assert ask(made, "POST", item, {"state": "PROCESSED", "version_number": version}).status == status
    assert ask(made, "POST", item, {"state": "CONVERTED", "version_number": 3}).status == 400
    assert (made.unconfirmed(), made.confirmed(), made.strays()) == (len(received) - 1, 1, 0)
    assert ask(made, "POST", f"{MESSAGES}/another's", {"state": "PROCESSED", "version_number": 1}).status == 404
    assert made.strays() == 1


def test_files_go_up_and_come_down_by_a_token() -> None:
    """A token of the attachment, made in either way; content is there once it was uploaded."""
    made = SyniverseCloud(SEED)
    file = create(made, f"{BASE}/messaging/attachments", {"name": "a", "type": "image/gif", "filename": "a.gif"})
    first = create(made, f"{BASE}/access_tokens", {"resource": "ATTACHMENT", "resource_id": file})
    second = create(made, f"{BASE}/messaging/attachments/{file}/access_tokens", {})
    content = "/scg-attachment/api/v1/messaging/attachments/{}/content"
    assert ask(made, "GET", content.format(first)).status == 400
    assert [ask(made, "POST", content.format(first), b"GIF").status for _ in range(2)] == [204, 403]
    assert ask(made, "GET", content.format(second)).body == b"GIF"
    missing = ask(made, "GET", content.format("nobody"))
    assert (missing.status, value_of(missing)["error_code"]) == (404, "4046")
    assert value_of(ask(made, "GET", f"{BASE}/messaging/attachments/{file}"))["state"] == "UPLOADED"


def test_files_of_a_message_are_listed() -> None:
    """Those that a person sent, too."""
    made = SyniverseCloud(SEED)
    told(made, len(STORIES))
    listed = value_of(ask(made, "GET", f"{MESSAGES}?type=MMS"))["list"]
    files = value_of(ask(made, "GET", f"{MESSAGES}/{listed[0]['id']}/attachments"))["list"]
    assert [one["state"] for one in files] == ["UPLOADED", "UPLOADED"]
    assert ask(made, "GET", f"{MESSAGES}/nobody/attachments").status == 404


def test_sender_ids_are_bought_and_deleted_by_filter() -> None:
    """Without a filter nothing is deleted."""
    made = SyniverseCloud(SEED)
    path = f"{BASE}/messaging/sender_ids"
    bought = create(made, f"{path}/purchase", {"parent_id": "offer"})
    assert value_of(ask(made, "GET", f"{path}/{bought}"))["ownership"] == "PURCHASED"
    assert ask(made, "DELETE", path).status == 400
    assert value_of(ask(made, "DELETE", f"{path}?ownership=PURCHASED")) == {"del_qty": 1}
    assert value_of(ask(made, "GET", f"{path}/list"))["total"] == 2


def test_event_manager_delivers_where_it_is_told() -> None:
    """A configuration, a subscription that points at it, a list that wants a limit."""
    made = SyniverseCloud(SEED)
    configuration = {"del-cfg-nm": "a", "del-prtcl-cd": "REST", "addr": "https://example.com", "is-active": True}
    number = value_of(ask(made, "POST", "/ess/v1/delivery-configurations", configuration))["id"]
    subscribe = "/ess/v1/topics/SCG-Message/subscriptions"
    assert ask(made, "POST", subscribe, {"del-cfg-id": "0"}).status == 404
    assert ask(made, "POST", subscribe, {"del-cfg-id": number}).status == 201
    assert ask(made, "GET", "/ess/v1/topic-subscriptions").status == 400
    (listed,) = value_of(ask(made, "GET", "/ess/v1/topic-subscriptions?limit=10"))["topic-subscriptions"]
    assert (listed["del-cfg-id"], listed["del-cfg-nm"], listed["topic-nm"]) == (number, "a", "SCG-Message")


def test_unknown_paths_and_methods_of_syniverse_are_told_apart() -> None:
    """404 and 405; PATCH is not supported anywhere."""
    made = SyniverseCloud(SEED)
    assert [ask(made, *call).status for call in (("GET", f"{BASE}/elsewhere"), ("PATCH", CONTACTS))] == [404, 405]


PATHS = st.sampled_from(
    [
        *(
            f"{BASE}{path}"
            for path in (
                "/messaging/message_requests",
                f"/messaging/sender_ids/{SENDER}",
                "/messaging/messages?sort=-x&offset=99999999999999999999&created_date=[x",
                "/contacts",
                "/contact_groups/x/contacts",
                "/consent/contact_address_statuses/optout",
                "/access_tokens",
            )
        ),
        "/ess/v1/delivery-configurations",
        "/ess/v1/topics/SCG-Message/subscriptions",
        "/%ff",
        "",
    ]
)
ITEMS = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)
NAMES = ("from", "to", "body", "state", "version_number", "contacts", "addresses", "sender_id", "name", "del-cfg-id")


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=PATHS,
    value=st.binary() | st.dictionaries(st.sampled_from(NAMES), ITEMS),
)
def test_no_call_breaks_the_cloud_of_syniverse(method: str, path: str, value: Any) -> None:
    """Whatever its body: an answer, and never an exception."""
    assert 200 <= ask(SyniverseCloud(SEED), method, path, value).status < 500


@settings(deadline=None)
@given(changes=st.dictionaries(st.sampled_from([*TEXT, "group_mms", "scheduled_delivery_time", "attachments"]), ITEMS))
def test_no_message_breaks_the_cloud_of_syniverse(changes: dict[str, Any]) -> None:
    """A field of a wrong type is refused, or does no harm."""
    made = SyniverseCloud(SEED)
    assert 200 <= ask(made, "POST", REQUESTS, {**TEXT, **changes}).status < 500
    assert 200 <= ask(made, "POST", MESSAGES, {**TEXT, "to": PERSON, **changes}).status < 500
