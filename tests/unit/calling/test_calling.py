"""From a client's signatures to options, and from answers to JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from hookline.calling.answers import print_answer
from hookline.calling.parser import Asked, asked, operation_parser
from hookline.cli import main
from providers.rest.models import Model
from providers.rest.operations import Operation, operation, operations_of
from providers.rest.pages import Page, Pages
from schemas.vocabulary import Channel
from tests.support.front import Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel(Model):
    """Something to send."""

    name: str | None = None
    weight: float | None = None
    tags: tuple[str, ...] = ()
    from_: str | None = None
    id: str | None = field(default=None, metadata={"read_only": True})


class Group:
    """Operations that belong together."""

    path = "/parcels"
    models: Mapping[str, Any] = {"parcel": Parcel}
    offers = frozenset({"create", "rename"})

    @operation("POST", "{collection}")
    async def create(self, parcel: Model) -> Model:
        """Create one."""
        return parcel

    @operation("PATCH", "{collection}/{id}/{name}")
    async def rename(self, id: str, name: str, parcel: Model) -> Model:  # noqa: A002 - the provider calls it so
        """Give one another name."""
        assert id
        assert name
        return parcel

    @operation("DELETE", "{collection}/{id}")
    async def delete(self, id: str) -> None:  # noqa: A002 - the provider calls it so
        """Delete one."""


class Client:
    """Every kind of parameter that a client may have."""

    def __init__(self) -> None:
        self.parcels = Group()

    @operation("POST", "/things/{id}")
    async def change(
        self,
        id: str,  # noqa: A002 - the provider calls it so
        *,
        from_: str,
        count: int | None = None,
        price: float | None = None,
        quick: bool | None = None,
        when: datetime | None = None,
        numbers: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
        channel: Channel | None = None,
        encoding: Literal["auto", "gsm7"] | None = None,
        to: str | Sequence[str] | None = None,
        parcels: Sequence[Parcel] = (),
        data: bytes | None = None,
    ) -> Mapping[str, Any]:
        """Change a thing.

        More words.
        """
        given = {name: value for name, value in locals().items() if name != "self"}
        return {name: value for name, value in given.items() if value is not None and value != ()}


OPERATIONS: Mapping[str, Operation] = operations_of(Client())


def ask(*words: str, name: str = "change") -> Asked:
    """Return what the words ask of an operation."""
    return asked(OPERATIONS[name], operation_parser("main", OPERATIONS[name]), words)


def test_operations_are_found_with_those_of_groups() -> None:
    """A group offers what it names, under its own path."""
    assert list(OPERATIONS) == ["change", "parcels.create", "parcels.rename"]
    assert OPERATIONS["parcels.create"].endpoint.path == "/parcels"
    assert OPERATIONS["change"].summary == "Change a thing."


def test_every_kind_of_value_is_read() -> None:
    """Each as its parameter wants it."""
    found = ask(
        *("--id", "a/b", "--from", "+15550100", "--count", "3", "--price", "1.5", "--quick"),
        *("--when", "2026-01-15T21:32:14Z", "--numbers", "+1", "+2", "--metadata", "a=1", "b=x=y"),
        *("--channel", "sms", "--encoding", "gsm7", "--to", "+15550101", "--parcels", '{"name":"box","weight":2}'),
    )
    assert found.arguments == {
        "id": "a/b",
        "from_": "+15550100",
        "count": 3,
        "price": 1.5,
        "quick": True,
        "when": datetime(2026, 1, 15, 21, 32, 14, tzinfo=UTC),
        "numbers": ["+1", "+2"],
        "metadata": {"a": "1", "b": "x=y"},
        "channel": Channel.SMS,
        "encoding": "gsm7",
        "to": "+15550101",
        "parcels": [Parcel(name="box", weight=2.0)],
    }


def test_lists_and_tables_may_be_json() -> None:
    """As scripts have them."""
    found = ask("--id", "a", "--from", "b", "--numbers", '["+1","+2"]', "--metadata", '{"a": "1"}')
    assert (found.arguments["numbers"], found.arguments["metadata"]) == (["+1", "+2"], {"a": "1"})


def test_underscores_do_as_well_as_dashes() -> None:
    """The provider's pages write underscores."""
    found = ask("--id", "a", "--from", "b", "--max_items", "2")
    assert found.most == 2


def test_a_flag_can_be_denied() -> None:
    """What is absent is not sent; what is false is."""
    assert ask("--id", "a", "--from", "b", "--no-quick").arguments["quick"] is False
    assert "quick" not in ask("--id", "a", "--from", "b").arguments


def test_bytes_come_from_a_file(tmp_path: Path) -> None:
    """Not from the command line."""
    (tmp_path / "file").write_bytes(b"\x00\x01")
    assert ask("--id", "a", "--from", "b", "--data", str(tmp_path / "file")).arguments["data"] == b"\x00\x01"


def test_the_fields_of_a_model_are_options_each() -> None:
    """And what was not given is not set."""
    found = ask("--name", "box", "--tags", "a", "b", "--from", "here", name="parcels.create")
    assert found.arguments == {"parcel": Parcel(name="box", tags=("a", "b"), from_="here")}


def test_a_field_that_is_a_parameter_is_offered_once() -> None:
    """The parameter has it; the model has what is left."""
    found = ask("--id", "a", "--name", "box", "--weight", "2", name="parcels.rename")
    assert found.arguments == {"id": "a", "name": "box", "parcel": Parcel(weight=2.0)}


def test_what_the_provider_alone_sets_is_no_option() -> None:
    """It would never be sent."""
    assert "--id" not in operation_parser("main", OPERATIONS["parcels.create"]).format_help()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--from", "b"), "--id"),
        (("--id", "a", "--from", "b", "--count", "x"), "is no number"),
        (("--id", "a", "--from", "b", "--when", "soon"), "is no time"),
        (("--id", "a", "--from", "b", "--channel", "fax"), "fax"),
        (("--id", "a", "--from", "b", "--metadata", "lonely"), "NAME=VALUE"),
        (("--id", "a", "--from", "b", "--parcels", '{"colour":1}'), "'colour' is unknown"),
        (("--id", "a", "--from", "b", "--parcels", "{"), "not JSON"),
        (("--id", "a", "--from", "b", "--data", "/nowhere/at/all"), "cannot be read"),
        (("--id", "a", "--from", "b", "--unknown", "1"), "unrecognized"),
    ],
)
def test_wrong_words_end_with_usage(words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, and what is wrong."""
    with pytest.raises(SystemExit) as found:
        ask(*words)
    assert found.value.code == 2
    assert message in capsys.readouterr().err


def test_an_operation_that_there_is_not_is_a_wrong_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2 like an account that there is not, and what there is."""
    config = Desk(tmp_path).write_sound()
    assert main(["call", "main", "sned", "--config", str(config)]) == 2
    assert "no operation 'sned'; there are: " in capsys.readouterr().err


def test_help_shows_the_request_and_every_option() -> None:
    """It is made of the signature."""
    text = operation_parser("main", OPERATIONS["change"]).format_help()
    assert "POST /things/{id}" in text
    assert all(option in text for option in ("--from TEXT", "--numbers", "--no-quick", "--when TIME", "--data FILE"))


class Printed:
    """Takes what is written."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        """Take it."""
        self.text += text

    @property
    def json(self) -> Any:
        """What was written, as JSON."""
        return json.loads(self.text)


async def printed(result: Any, **options: Any) -> Any:
    """Return the JSON that a result prints."""
    out = Printed()
    what = Asked(**{"arguments": {}, "page": None, "most": None, "output": None, **options})
    await print_answer(result, what, out.write)
    return out.json


async def test_an_answer_is_printed_as_the_provider_gave_it() -> None:
    """With members that we have no field for."""

    async def answer() -> Parcel:
        return Parcel.of({"name": "box", "colour": "red"})

    assert await printed(answer()) == {"name": "box", "colour": "red"}


async def test_no_answer_is_null() -> None:
    """So that a script always reads JSON."""

    async def nothing() -> None:
        return None

    assert await printed(nothing()) is None


def pages_of(*names: str) -> Pages[Parcel]:
    """Return a list of one item a page."""

    async def fetch(number: int) -> Page[Parcel]:
        more = number + 1 if number < len(names) else None
        return Page(items=(Parcel.of({"name": names[number - 1]}),), place=number, next_place=more, total=len(names))

    return Pages(fetch, 1)


async def test_a_list_comes_whole() -> None:
    """One page after the other."""
    assert await printed(pages_of("a", "b", "c")) == [{"name": "a"}, {"name": "b"}, {"name": "c"}]


async def test_a_list_may_end_early() -> None:
    """Without asking for pages that nobody wants."""
    assert await printed(pages_of("a", "b", "c"), most=2) == [{"name": "a"}, {"name": "b"}]


async def test_one_page_tells_where_the_next_is() -> None:
    """For scripts that go on another time."""
    assert await printed(pages_of("a", "b"), page="1") == {
        "items": [{"name": "a"}],
        "page": 1,
        "next_page": 2,
        "total": 2,
    }


@pytest.mark.may_block
async def test_bytes_go_to_a_file_or_into_base64(tmp_path: Path) -> None:
    """A terminal is no place for a picture."""

    async def picture() -> bytes:
        return b"\x89PNG"

    assert await printed(picture()) == {"bytes": 4, "base64": "iVBORw=="}
    assert await printed(picture(), output=tmp_path / "x.png") == {"bytes": 4, "file": str(tmp_path / "x.png")}
    assert (tmp_path / "x.png").read_bytes() == b"\x89PNG"
