"""What resources read and write, and errors."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.rest.models import parts_of
from providers.syniverse.api.answers import errors_of, regeneration_errors_of
from providers.syniverse.api.models import Keyword, Message, MessageRequest, SenderId
from providers.syniverse.api.people import Contact
from providers.syniverse.api.records import Record, read, written
from tests.support.syniverse_api import example


@given(st.binary())
def test_any_refusal_has_errors_that_can_be_read(body: bytes) -> None:
    """Whatever bytes a refusal has, reading its errors raises nothing."""
    assert isinstance(errors_of(body), tuple)
    assert isinstance(regeneration_errors_of(body), tuple)


def test_what_the_provider_sets_is_never_sent() -> None:
    """An item that was read can be written again: ids, dates, states and counters stay out."""
    item = read(MessageRequest, {"id": "r1", "version_number": 3, "state": "COMPLETED", "body": "x", "sent_count": 1})
    assert written(item) == {"body": "x"}


def test_what_the_provider_sets_cannot_be_given() -> None:
    """An option that would be dropped is none: neither the program nor the shell can write it."""
    with pytest.raises(TypeError):
        Contact(id="c1")  # type: ignore[call-arg] # that is the test
    assert not {"id", "version_number", "state"} & {item.name for item, _ in parts_of(MessageRequest)}


def test_two_items_are_equal_if_all_of_them_is() -> None:
    """What the provider set counts too."""
    assert read(Contact, {"id": "c1"}) == read(Contact, {"id": "c1"})
    assert read(Contact, {"id": "c1"}) != read(Contact, {"id": "c2"})


def test_joined_lists_are_texts_in_requests_and_both_in_answers() -> None:
    """A keyword's actions are one text in the Swagger, a list in an SDK."""
    assert written(Keyword(actions=("OPTOUT", "STORE"))) == {"actions": "OPTOUT,STORE"}
    assert read(Keyword, {"actions": "OPTOUT, STORE"}).actions == ("OPTOUT", "STORE")
    assert read(Keyword, {"actions": ["OPTOUT", "STORE"]}).actions == ("OPTOUT", "STORE")
    assert read(Keyword, {"actions": "OPTOUT"}).raw == {"actions": "OPTOUT"}


def test_extra_fields_go_out_and_empty_lists_too() -> None:
    """What no class names is sent as it is, over what the class has."""
    assert written(Contact(first_name="A"), {"interest_list": [], "new": {"deep": 1}}) == {
        "first_name": "A",
        "interest_list": [],
        "new": {"deep": 1},
    }


def test_times_are_written_as_the_interface_takes_them() -> None:
    """A time goes out as ISO 8601 in UTC."""
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert written(Message(to="+12025550142", scheduled_delivery_time=moment)) == {
        "to": "+12025550142",
        "scheduled_delivery_time": "2026-01-01T12:00:00.000Z",
    }


def test_credentials_stand_in_no_repr() -> None:
    """A sender's credentials are readable, and not shown."""
    found = read(SenderId, {"id": "s1", "credentials": '{"password":"hunter2"}'})
    assert found.credentials == '{"password":"hunter2"}'
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (MessageRequest, "rest_message_request_completed"),
        (MessageRequest, "rest_message_request_completed_with_failure"),
        (Message, "rest_message_sent"),
        (Message, "rest_message_delivered"),
        (Message, "rest_message_mo_received"),
    ],
)
def test_every_field_of_the_examples_is_read(kind: type[Record], name: str) -> None:
    """No field of a published object is lost: each that holds something is a field of the class, or kept in `raw`."""
    source = example(name)
    found = read(kind, source)
    names = {"from": "from_"}
    for field, value in source.items():
        if value not in ([], None) and field != "consent_requirement":
            assert getattr(found, names.get(field, field)) is not None, field
    assert found.raw == source


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([Contact, Message, MessageRequest, Keyword, SenderId]), st.data())
def test_fields_of_any_type_are_read(kind: type[Record], data: st.DataObject) -> None:
    """A field of another type than documented counts as absent; nothing raises, and `raw` keeps it."""
    names = st.sampled_from([*kind.__dataclass_fields__, "extra"])
    source = data.draw(st.dictionaries(names, json_values, max_size=6))
    assert read(kind, source).raw == source
