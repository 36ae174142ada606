"""Messages of the simulated Syniverse: sent, scheduled, paused, refused, received, with files and consent."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.syniverse.simulation.bodies import CHANNEL, SENDER, SHORT_SENDER
from providers.syniverse.simulation.cloud import SyniverseCloud
from providers.syniverse.simulation.stories import STORIES
from tests.support.simulated import NOW, SEED, told
from tests.support.syniverse_cloud import (
    BASE,
    CONSENT,
    CONTACTS,
    GROUPS,
    ITEMS,
    MESSAGES,
    PERSON,
    REQUESTS,
    TEXT,
    ask,
    create,
    value_of,
)


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


@settings(deadline=None)
@given(changes=st.dictionaries(st.sampled_from([*TEXT, "group_mms", "scheduled_delivery_time", "attachments"]), ITEMS))
def test_no_message_breaks_the_cloud_of_syniverse(changes: dict[str, Any]) -> None:
    """A field of a wrong type is refused, or does no harm."""
    made = SyniverseCloud(SEED)
    assert 200 <= ask(made, "POST", REQUESTS, {**TEXT, **changes}).status < 500
    assert 200 <= ask(made, "POST", MESSAGES, {**TEXT, "to": PERSON, **changes}).status < 500
