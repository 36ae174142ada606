"""The API of the simulated Syniverse: its token, its versions, its pages, contacts, groups and sender ids."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.simulation import ApiAnswer, Misbehavior
from providers.syniverse.simulation.bodies import SENDER
from providers.syniverse.simulation.cloud import SyniverseCloud
from providers.syniverse.simulation.resources import LONGEST_PAGE
from tests.support.simulated import NOW, SEED, answer_of
from tests.support.syniverse_cloud import (
    BASE,
    CONTACTS,
    GROUPS,
    ITEMS,
    ask,
    create,
    value_of,
)

REFRESH = "/saop-rest-data/v1/apptoken-refresh"


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
