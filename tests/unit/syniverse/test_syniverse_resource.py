"""The resource class: what is read and written, stale versions, lists."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.rest.errors import (
    AuthenticationError,
    ConflictError,
    LimitError,
    NotFoundError,
    OutcomeUnknownError,
    ProviderFaultError,
    RefusedError,
    UnreadableAnswerError,
)
from providers.syniverse.api.calls import part
from providers.syniverse.api.filters import ContactFilters, MessageFilters
from providers.syniverse.api.models import MessageRequest
from providers.syniverse.api.people import Contact
from providers.syniverse.api.records import Record
from providers.syniverse.api.resource import STALE_TRIES
from tests.support.syniverse_api import Reply, Seen, example, fake_api, listed, refusal

STALE = refusal(409, "1001", "Stale data")


class Store:
    """One contact with its version; somebody else writes before each of the first `rivals` updates."""

    def __init__(self, rivals: int = 0, prefix: str = "") -> None:
        self.contact: dict[str, Any] = {"id": "c1", "version_number": 1, "first_name": "Ada", "last_name": "King"}
        self.rivals = rivals
        self.prefix = prefix

    def __call__(self, request: Seen) -> Reply:
        """Answer as SCG does: an update whose version is not the present one is stale."""
        if request.method == "GET":
            return Reply(200, self.contact)
        if self.rivals:
            self.rivals -= 1
            self.contact = self.contact | {"version_number": self.contact["version_number"] + 1, "gender": "F"}
        body = request.json
        if body.pop("version_number") != self.contact["version_number"]:
            return refusal(409, f"{self.prefix}1001")
        kept = self.contact if request.method == "POST" else {"id": "c1"}
        self.contact = kept | body | {"version_number": self.contact["version_number"] + 1}
        return Reply(204)


async def test_update_sends_the_version_that_it_read() -> None:
    """An update reads the item and writes its changes alone, with the version."""
    async with fake_api() as api, api.client() as client:
        api.handler = Store()
        await client.contacts.update("c1", Contact(first_name="Augusta"))
    assert api.paths() == [("GET", "/contacts/c1"), ("POST", "/contacts/c1")]
    assert api.seen[1].json == {"first_name": "Augusta", "version_number": 1}


@pytest.mark.parametrize("prefix", ["", "SCG_ERROR_"])
async def test_stale_version_is_retried_as_one_call(prefix: str) -> None:
    """Where somebody else was faster the item is read again and the changes are applied to what is there now."""
    store = Store(rivals=2, prefix=prefix)
    async with fake_api() as api, api.client() as client:
        api.handler = store
        await client.contacts.update("c1", Contact(first_name="Augusta"))
    assert store.contact["first_name"] == "Augusta"
    assert store.contact["gender"] == "F"
    assert [one.method for one in api.seen] == ["GET", "POST"] * 3


async def test_replace_is_retried_likewise() -> None:
    """PUT carries the version too, and is made again when it is stale."""
    store = Store(rivals=1)
    async with fake_api() as api, api.client() as client:
        api.handler = store
        await client.contacts.replace("c1", Contact(first_name="Augusta"))
    assert [one.method for one in api.seen] == ["GET", "PUT"] * 2
    assert store.contact == {"id": "c1", "first_name": "Augusta", "version_number": 3}


async def test_edit_applies_a_change_to_what_is_there_now() -> None:
    """A change that depends on the item is made anew of the item that somebody else has written."""
    store = Store(rivals=1)
    async with fake_api() as api, api.client() as client:
        api.handler = store
        await client.contacts.edit("c1", lambda item: replace(item, last_name=f"{item.gender}. {item.last_name}"))
    assert store.contact["last_name"] == "F. King"


async def test_endless_rival_ends_the_tries() -> None:
    """A version that is stale again and again is told in the end."""
    async with fake_api() as api, api.client() as client:
        api.handler = Store(rivals=1000)
        with pytest.raises(ConflictError, match=r"contacts\.update: status 409, code 1001"):
            await client.contacts.update("c1", Contact(first_name="Augusta"))
    assert [one.method for one in api.seen] == ["GET", "POST"] * STALE_TRIES


async def test_other_conflict_is_not_retried() -> None:
    """A value that has to be unique will not become so by asking again."""
    async with fake_api() as api, api.client() as client:
        api.will(Reply(200, {"id": "c1", "version_number": 1}), refusal(409, "1011"))
        with pytest.raises(ConflictError) as caught:
            await client.contacts.update("c1", Contact(external_id="taken"))
    assert caught.value.code == "1011"
    assert len(api.seen) == 2


async def test_update_whose_answer_was_lost_is_made_again() -> None:
    """The version makes it safe: the second try finds it stale, reads, and applies the same changes."""
    store = Store()
    async with fake_api() as api, api.client() as client:
        faults = iter([True])

        def handler(request: Seen) -> Reply:
            reply = store(request)
            return Reply(500, {}) if request.method == "POST" and next(faults, False) else reply

        api.handler = handler
        await client.contacts.update("c1", Contact(first_name="Augusta"))
    assert store.contact["first_name"] == "Augusta"
    assert store.contact["version_number"] == 3


async def test_state_that_is_there_already_needs_no_write() -> None:
    """To set a state twice does no harm: the second time nothing is written."""
    async with fake_api() as api, api.client() as client:
        api.will(Reply(200, {"id": "m1", "state": "PROCESSED", "version_number": 2}))
        await client.messages.mark_processed("m1")
    assert api.paths() == [("GET", "/messaging/messages/m1")]


@pytest.mark.parametrize("status", [500, 502])
async def test_create_is_never_made_twice(status: int) -> None:
    """A fault of the provider may come after the effect: a second try could send a second text."""
    async with fake_api() as api, api.client() as client:
        api.handler = lambda _: Reply(status, {})
        with pytest.raises(ProviderFaultError):
            await client.message_requests.create(MessageRequest(from_="channel:x", to=("+12025550142",), body="Hi"))
    assert len(api.seen) == 1


async def test_create_that_times_out_is_never_made_twice() -> None:
    """No answer in time is an unknown outcome, told as such."""
    async with fake_api() as api, api.client() as client:
        client.transport._tempo = replace(client.transport._tempo, timeout=1e-9)
        with pytest.raises(OutcomeUnknownError):
            await client.contacts.create(Contact(first_name="Ada"))


async def test_read_is_repeated_after_a_fault() -> None:
    """A read has no effect: it is made again."""
    async with fake_api() as api, api.client() as client:
        api.will(Reply(500, {}), Reply(200, {"id": "c1"}))
        assert (await client.contacts.get("c1")).id == "c1"


@pytest.mark.parametrize("operation", ["create", "get", "update", "replace", "delete"])
async def test_what_a_resource_has_not_is_refused_before_the_call(operation: str) -> None:
    """The history of consent can be listed alone."""
    arguments: dict[str, tuple[Any, ...]] = {
        "create": (Record(),),
        "get": ("x",),
        "update": ("x", Record()),
        "replace": ("x", Record()),
        "delete": ("x",),
    }
    async with fake_api() as api, api.client() as client:
        with pytest.raises(LimitError, match=f"consent_history has no {operation}"):
            await getattr(client.consent_history, operation)(*arguments[operation])
    assert api.seen == []


@pytest.mark.parametrize("ident", ["", ".", ".."])
async def test_id_that_would_name_another_place_is_refused(ident: str) -> None:
    """An empty id in a delete would be a delete of all."""
    async with fake_api() as api, api.client() as client:
        with pytest.raises(LimitError):
            await client.sender_ids.delete(ident)
    assert api.seen == []


@given(st.text(min_size=1).filter(lambda text: text.strip().strip(".") != ""))
def test_any_id_stays_one_part_of_the_path(ident: str) -> None:
    """No id, whatever stands in it, reaches another resource."""
    try:
        found = part(ident)
    except UnicodeEncodeError:
        return
    assert not set(found) & set("/?#")


async def test_pages_advance_by_what_came() -> None:
    """The server gives three at most, whatever is asked for: nothing is left out, nothing comes twice."""
    everything = [{"id": f"m{number}"} for number in range(8)]

    def handler(request: Seen) -> Reply:
        at = int(request.parameters["offset"])
        return listed(*everything[at : at + 3], total=8)

    async with fake_api() as api, api.client() as client:
        api.handler = handler
        found = [item.id async for item in client.messages.list(limit=50)]
    assert found == [item["id"] for item in everything]
    assert [one.parameters for one in api.seen] == [{"limit": "50", "offset": at} for at in ("0", "3", "6")]


async def test_pages_without_a_total_end_with_an_empty_one() -> None:
    """Only an empty page says that there is no more."""
    async with fake_api() as api, api.client() as client:
        api.will(listed({"id": "a"}, {"id": "b"}), listed({"id": "c"}), listed())
        found = [item.id async for item in client.contacts.list()]
    assert found == ["a", "b", "c"]
    assert [one.parameters["offset"] for one in api.seen] == ["0", "2", "3"]


async def test_one_page_can_be_asked_for() -> None:
    """A page says where it stands and where the next one is."""
    async with fake_api() as api, api.client() as client:
        api.will(listed({"id": "a"}, total=9))
        page = await client.contacts.list(offset=4).page()
    assert (page.place, page.next_place, page.total) == (4, 5, 9)


async def test_example_lists_are_read() -> None:
    """The published envelope gives its messages, with times and fragments."""
    async with fake_api() as api, api.client() as client:
        api.will(Reply(200, example("rest_list_messages")), Reply(200, example("rest_list_empty")))
        first = [item async for item in client.messages.list()]
        assert [item async for item in client.messages.list()] == []
    assert [item.state for item in first] == ["DELIVERED", "SENT"]
    assert first[0].created_date == datetime(2022, 7, 1, 19, 47, 53, 495000, tzinfo=UTC)
    assert first[1].fragments_info[0].charge == 0.0212
    assert first[1].raw["company_id"] == 12121


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"list": 1}', b"\xff"])
async def test_success_without_a_list_is_told(body: bytes) -> None:
    """A list that is none is no empty list."""
    async with fake_api() as api, api.client() as client:
        api.will(Reply(200, body))
        with pytest.raises(UnreadableAnswerError):
            await client.contacts.list().page()


async def test_filters_are_parameters() -> None:
    """Several values are joined with commas, a span of time is in brackets, and all of it percent-encoded."""
    filters = MessageFilters(
        state=("SENT", "DELIVERED"),
        direction="MT",
        from_=("channel:x",),
        pause_before_transmit=False,
        created_date_from=datetime(2022, 7, 1, tzinfo=UTC),
        created_date_to=datetime(2022, 7, 2, tzinfo=UTC),
        delivered_date_from=datetime(2025, 12, 31, tzinfo=UTC),
    )
    async with fake_api() as api, api.client() as client:
        api.will(listed())
        await client.messages.list(filters, sort="-created_date", extra={"language": "de"}).page()
    (request,) = api.seen
    assert request.parameters == {
        "state": "SENT,DELIVERED",
        "direction": "MT",
        "from": "channel:x",
        "pause_before_transmit": "false",
        "created_date": "[2022-07-01T00:00:00.000Z,2022-07-02T00:00:00.000Z]",
        "delivered_date": "[2025-12-31T00:00:00.000Z,2026-01-01T00:00:00.000Z]",
        "sort": "-created_date",
        "language": "de",
        "offset": "0",
    }
    assert "created_date=%5B2022-07-01T00%3A00%3A00.000Z%2C2022-07-02T00%3A00%3A00.000Z%5D" in request.query


@pytest.mark.parametrize(("offset", "limit"), [(-1, None), (0, 0)])
async def test_impossible_page_is_refused(offset: int, limit: int | None) -> None:
    """There is nothing before the first item, and no page of none."""
    async with fake_api() as api, api.client() as client:
        with pytest.raises(LimitError):
            client.contacts.list(offset=offset, limit=limit)
    assert api.seen == []


async def test_value_with_a_comma_beside_others_is_refused() -> None:
    """Joined with commas it would be two values."""
    async with fake_api() as api, api.client() as client:
        with pytest.raises(LimitError):
            client.contacts.list(ContactFilters(last_name=("King", "Byron, Lord")))
    assert api.seen == []


@pytest.mark.parametrize("name", ["rest_error_400_4001_bare", "rest_error_400_4001_prefixed"])
async def test_error_codes_lose_their_prefix(name: str) -> None:
    """The same error is the same, with and without `SCG_ERROR_`."""
    async with fake_api() as api, api.client() as client:
        api.will(Reply(400, example(name)))
        with pytest.raises(RefusedError, match=r"contacts\.create: status 400, code 4001$") as caught:
            await client.contacts.create(Contact())
    assert caught.value.errors[0].code == "4001"
    assert (caught.value.errors[0].title or "").startswith("Required parameter")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, RefusedError), (402, RefusedError), (403, AuthenticationError), (404, NotFoundError), (422, RefusedError)],
)
async def test_refusals_are_typed(status: int, kind: type[RefusedError]) -> None:
    """Each status has its class."""
    async with fake_api() as api, api.client() as client:
        api.will(refusal(status, "4040"))
        with pytest.raises(kind):
            await client.contacts.get("c1")


async def test_number_that_the_provider_quotes_is_left_out_of_the_text() -> None:
    """An error's text may be logged; its words as they came are in `errors`."""
    async with fake_api() as api, api.client() as client:
        api.will(refusal(400, "40024", "Bad recipient +12025550142"))
        with pytest.raises(RefusedError, match=r"code 40024$") as caught:
            await client.contacts.create(Contact())
    assert caught.value.errors[0].title == "Bad recipient +12025550142"
