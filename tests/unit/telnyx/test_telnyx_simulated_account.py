"""The account of the simulated Telnyx: who opted out, its numbers, its messaging profile, and pages of each."""

from typing import Any

import pytest

from providers.telnyx.normalize import normalize
from providers.telnyx.simulation.bodies import PROFILE
from providers.telnyx.simulation.cloud import TelnyxCloud
from providers.telnyx.simulation.numbers import SHORT_CODE
from providers.telnyx.simulation.telling import OURS
from schemas.events import ConsentChanged, MessageReceived
from schemas.vocabulary import Consent
from tests.support.simulated import NOW, SEED, polled
from tests.support.telnyx import webhook_of
from tests.support.telnyx_cloud import (
    GROUP,
    PERSON,
    POOL,
    SMS,
    WHATSAPP,
    ask,
    code_of,
    shown,
    traffic_of,
    value_of,
)

LATER = NOW + 60
OPT_OUTS = "/messaging_optouts"
NUMBERS = "/phone_numbers/messaging"
MOBILE = "/mobile_phone_numbers/messaging"
PROFILES = "/messaging_profiles"
ORDERS = "/messaging_numbers_bulk_updates"
STRANGE = "5e5e0000-0000-4000-8000-00000000dddd"


def opted_out(made: TelnyxCloud, query: str = "", now: float = LATER) -> list[dict[str, Any]]:
    """Return the first page of who opted out."""
    found: list[dict[str, Any]] = shown(made, OPT_OUTS + query, now)
    return found


def id_of(made: TelnyxCloud, number: str = OURS) -> str:
    """Return Telnyx's id of a number."""
    return next(str(one["id"]) for one in shown(made, NUMBERS) if one["phone_number"] == number)


def test_who_wrote_stop_is_on_the_list_and_who_came_back_is_not() -> None:
    """By the consent that the webhooks tell: opted out once and not in again."""
    made = TelnyxCloud(SEED)
    events = [event for one in traffic_of(made, 2) if not one.forgery for event in normalize(webhook_of(one.body(1)))]
    said = [event for event in events if isinstance(event, ConsentChanged)]
    back = {event.number for event in said if event.consent is Consent.OPTED_IN}
    left = {event.number for event in said} - back
    assert (len(left), len(back)) == (2, 2)
    assert {one["to"] for one in opted_out(made)} == left
    # A moment earlier those who thought better of it were out too.
    assert {one["to"] for one in opted_out(made, now=NOW)} == left | back


def test_an_entry_is_as_telnyx_writes_it() -> None:
    """With the person as `to`, and the time with a space."""
    made = TelnyxCloud(SEED)
    traffic_of(made)
    (entry,) = opted_out(made)
    assert entry == {
        "created_at": "2026-01-01 00:00:00.000000+00:00",
        "from": OURS,
        "keyword": "STOP",
        "messaging_profile_id": PROFILE,
        "to": entry["to"],
    }
    (event,) = normalize(polled("telnyx", OPT_OUTS, entry))
    assert isinstance(event, ConsentChanged)
    assert (event.number, event.consent, event.scope) == (entry["to"], Consent.OPTED_OUT, f"profile:{PROFILE}")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"?filter[messaging_profile_id]={PROFILE}", 1),
        (f"?filter[messaging_profile_id]={STRANGE}", 0),
        ("?filter[from]=%2B17735550100", 1),
        ("?filter[from]=%2B17735550101", 0),
        ("?created_at[gte]=2026-01-01T00:00:00Z", 1),
        ("?created_at[gte]=2026-01-01T00:00:00.001Z", 0),
        ("?created_at[lte]=2026-01-01T00:00:00", 1),
        ("?created_at[lte]=2025-12-31T23:59:59%2B00:00", 0),
    ],
)
def test_filters_of_opt_outs(query: str, found: int) -> None:
    """Each leaves what it names; bounds of time belong to the span."""
    made = TelnyxCloud(SEED)
    traffic_of(made)
    assert len(opted_out(made, query)) == found


def test_redaction_hides_four_digits() -> None:
    """Where it is asked for."""
    made = TelnyxCloud(SEED)
    traffic_of(made)
    plain, hidden = (opted_out(made, f"?redaction_enabled={flag}")[0]["to"] for flag in ("false", "true"))
    assert hidden == f"{plain[:-4]}****"


def test_a_time_that_is_none_is_refused() -> None:
    """With the parameter that is wrong."""
    answer = ask(TelnyxCloud(SEED), "GET", f"{OPT_OUTS}?created_at[lte]=soon")
    assert (answer.status, code_of(answer)) == (422, "10031")
    assert value_of(answer)["errors"][0]["source"] == {"parameter": "created_at[lte]"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", SMS),
        ("/long_code", SMS),
        ("/number_pool", POOL),
        ("/short_code", {**SMS, "from": SHORT_CODE}),
        ("/schedule", SMS),
        ("/group_mms", GROUP),
        ("/whatsapp", WHATSAPP),
    ],
)
def test_a_send_to_who_opted_out_is_blocked(path: str, value: dict[str, Any]) -> None:
    """By every path and from every number, as the block is the profile's; in a group it blocks them all."""
    made = TelnyxCloud(SEED)
    traffic_of(made)
    person = opted_out(made)[0]["to"]
    to = [PERSON, person] if path == "/group_mms" else person
    answer = ask(made, "POST", f"/messages{path}", {**value, "to": to}, now=LATER)
    (error,) = value_of(answer)["errors"]
    assert (answer.status, answer.effect, answer.follow_ups) == (403, None, ())
    assert (error["code"], error["title"]) == ("40300", "Blocked due to STOP message")
    assert person in error["detail"]


def test_after_start_a_person_can_be_texted_again() -> None:
    """Between the two words not."""
    made = TelnyxCloud(SEED)
    events = [normalize(webhook_of(one.body(1)))[0] for one in traffic_of(made) if not one.forgery]
    person = next(one.from_ for one in events if isinstance(one, MessageReceived) and one.text == "UNSTOP")
    value = {**SMS, "to": person}
    assert [ask(made, "POST", "/messages", value, now=NOW + after).status for after in (0, 0.5)] == [403, 200]


def test_numbers_are_listed_and_read() -> None:
    """Under Telnyx's ids; mobile numbers have their own paths."""
    made = TelnyxCloud(SEED)
    numbers, mobile = shown(made, NUMBERS), shown(made, MOBILE)
    assert {one["type"] for one in numbers} == {"longcode", "tollfree", "shortcode"}
    assert [shown(made, f"/phone_numbers/{one['id']}/messaging") for one in numbers] == numbers
    assert [shown(made, f"/mobile_phone_numbers/{one['id']}/messaging") for one in mobile] == mobile
    assert ask(made, "GET", f"/phone_numbers/{mobile[0]['id']}/messaging").status == 404
    assert ask(made, "GET", f"/mobile_phone_numbers/{numbers[0]['id']}/messaging").status == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"?filter[messaging_profile_id]={PROFILE}", 4),
        (f"?filter[messaging_profile_id]={STRANGE}", 0),
        ("?filter[phone_number]=%2B17735550100,%2B18885550100", 2),
        ("?filter[phone_number][contains]=773555", 2),
        ("?filter[type]=tollfree", 1),
        ("?filter[type]=longcode&filter[phone_number][contains]=0101", 1),
    ],
)
def test_filters_of_numbers(query: str, found: int) -> None:
    """Each leaves what it names; several leave what all name."""
    assert len(shown(TelnyxCloud(SEED), NUMBERS + query)) == found


def test_numbers_are_sorted() -> None:
    """Both ways; another word is refused."""
    made = TelnyxCloud(SEED)
    up, down = (shown(made, f"{NUMBERS}?sort[phone_number]={way}") for way in ("asc", "desc"))
    assert [one["phone_number"] for one in up] == sorted(one["phone_number"] for one in down)
    assert up == down[::-1]
    answers = [ask(made, "GET", f"{NUMBERS}?{wrong}") for wrong in ("sort[phone_number]=up", "filter[type]=satellite")]
    assert [(answer.status, code_of(answer)) for answer in answers] == [(422, "10018"), (422, "10032")]


@pytest.mark.parametrize("path", [OPT_OUTS, NUMBERS, MOBILE, PROFILES])
@pytest.mark.parametrize("query", ["page[number]=0", "page[size]=0", "page[size]=251", "page[size]=x", "page[number]="])
def test_pages_that_there_are_not(path: str, query: str) -> None:
    """Pages count from 1 and hold at most 250."""
    answer = ask(TelnyxCloud(SEED), "GET", f"{path}?{query}")
    assert (answer.status, code_of(answer)) == (422, "10033")


def test_pages_have_their_place() -> None:
    """All together are the list; behind the last one is nothing."""
    made = TelnyxCloud(SEED)
    answers = [value_of(ask(made, "GET", f"{NUMBERS}?page[number]={n}&page[size]=3")) for n in (1, 2, 3)]
    assert [len(answer["data"]) for answer in answers] == [3, 1, 0]
    assert answers[1]["meta"] == {"page_number": 2, "page_size": 3, "total_pages": 2, "total_results": 4}
    assert value_of(ask(made, "GET", f"{NUMBERS}?page[size]=250"))["meta"]["page_size"] == 250


def test_the_profile_of_a_number_is_kept_unassigned_and_assigned() -> None:
    """Null or nothing keeps it, the empty text takes it away, an id gives it."""
    made = TelnyxCloud(SEED)
    path = f"/phone_numbers/{id_of(made)}/messaging"
    changes: tuple[dict[str, Any], ...] = (
        {"messaging_profile_id": None},
        {"tags": ["a"]},
        {"messaging_profile_id": ""},
        {},
    )
    found = [
        value_of(ask(made, "PATCH", path, change, now=LATER))["data"]
        for change in (*changes, {"messaging_profile_id": PROFILE, "messaging_product": "P2P"})
    ]
    assert [one["messaging_profile_id"] for one in found] == [PROFILE, PROFILE, None, None, PROFILE]
    assert (found[-1]["tags"], found[-1]["messaging_product"]) == (["a"], "P2P")
    assert (shown(made, path), found[-1]["updated_at"]) == (found[-1], "2026-01-01T00:01:00.000+00:00")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"messaging_profile_id": STRANGE}, 422, "10017"),
        ({"messaging_profile_id": 5}, 422, "10026"),
        ({"messaging_product": "X"}, 422, "10032"),
        ({"tags": "a"}, 422, "10026"),
        ({"tags": [5]}, 422, "10026"),
        (b"{", 400, "10023"),
    ],
)
def test_wrong_settings_of_a_number_are_refused(change: object, status: int, code: str) -> None:
    """And nothing is changed."""
    made = TelnyxCloud(SEED)
    path = f"/phone_numbers/{id_of(made)}/messaging"
    before = shown(made, path)
    answer = ask(made, "PATCH", path, change, now=LATER)
    assert (answer.status, code_of(answer)) == (status, code)
    assert shown(made, path) == before
    assert ask(made, "PATCH", "/phone_numbers/5/messaging", {}).status == 404


def test_an_unassigned_number_sends_nothing() -> None:
    """With the code of a STOP and another title, as in Telnyx's page."""
    made = TelnyxCloud(SEED)
    ask(made, "PATCH", f"/phone_numbers/{id_of(made)}/messaging", {"messaging_profile_id": ""})
    answer = ask(made, "POST", "/messages", SMS)
    (error,) = value_of(answer)["errors"]
    assert (answer.status, error["code"], error["title"]) == (403, "40300", "Forbidden")
    pool = ask(made, "POST", "/messages/number_pool", POOL)
    assert value_of(pool)["data"]["from"]["phone_number"] == "+17735550101"


def test_many_numbers_change_at_once() -> None:
    """First they are pending, then done; what is none of ours failed. Without numbers the pool is empty."""
    made = TelnyxCloud(SEED)
    numbers = [*(one["phone_number"] for one in shown(made, NUMBERS)), "+19995550100"]
    first = value_of(ask(made, "POST", ORDERS, {"messaging_profile_id": "", "numbers": numbers}))["data"]
    done = shown(made, f"{ORDERS}/{first['order_id']}", LATER)
    assert (first["success"], first["pending"], first["failed"]) == ([], numbers[:-1], numbers[-1:])
    assert (done["success"], done["pending"], done["failed"]) == (numbers[:-1], [], numbers[-1:])
    assert {one["messaging_profile_id"] for one in shown(made, NUMBERS)} == {None}
    assert code_of(ask(made, "POST", "/messages/number_pool", POOL)) == "40321"


@pytest.mark.parametrize(
    ("value", "status", "code"),
    [
        ({"numbers": [OURS]}, 422, "10004"),
        ({"messaging_profile_id": "", "numbers": []}, 422, "10004"),
        ({"messaging_profile_id": ""}, 422, "10004"),
        ({"messaging_profile_id": "", "numbers": [5]}, 422, "10026"),
        ({"messaging_profile_id": "", "numbers": OURS}, 422, "10026"),
        ({"messaging_profile_id": None, "numbers": [OURS]}, 422, "10026"),
        ({"messaging_profile_id": STRANGE, "numbers": [OURS]}, 422, "10017"),
        ({"messaging_profile_id": "", "numbers": [OURS], "assign_only": 1}, 422, "10026"),
        ([], 400, "10023"),
    ],
)
def test_wrong_orders_are_refused(value: object, status: int, code: str) -> None:
    """And nothing is changed."""
    made = TelnyxCloud(SEED)
    answer = ask(made, "POST", ORDERS, value)
    assert (answer.status, code_of(answer)) == (status, code)
    assert {one["messaging_profile_id"] for one in shown(made, NUMBERS)} == {PROFILE}
    assert ask(made, "GET", f"{ORDERS}/nobody's").status == 404


def test_the_messaging_profile_is_changed() -> None:
    """What is not named stays."""
    made = TelnyxCloud(SEED)
    path = f"{PROFILES}/{PROFILE}"
    ask(made, "PATCH", path, {"webhook_url": "https://example.com/a", "webhook_api_version": "1"})
    changed = value_of(ask(made, "PATCH", path, {"webhook_api_version": "2", "id": "x"}))["data"]
    assert shown(made, PROFILES) == [changed]
    assert (changed["id"], changed["webhook_url"], changed["webhook_api_version"]) == (
        PROFILE,
        "https://example.com/a",
        "2",
    )


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"webhook_url": "example.com"}, 422),
        ({"webhook_failover_url": 5}, 422),
        ({"webhook_api_version": "3"}, 422),
        ({"webhook_api_version": ["2"]}, 422),
        ({"enabled": "yes"}, 422),
        ({"name": None}, 422),
        (b"", 400),
        ({"webhook_url": None}, 200),
        ({"webhook_url": ""}, 200),
    ],
)
def test_settings_of_the_profile(change: object, status: int) -> None:
    """A URL may be taken away; what is none is refused."""
    made = TelnyxCloud(SEED)
    assert ask(made, "PATCH", f"{PROFILES}/{PROFILE}", change).status == status
    assert ask(made, "PATCH", f"{PROFILES}/{STRANGE}", change).status == 404
