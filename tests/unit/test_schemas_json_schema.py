"""The JSON Schema documents: up to date, and true of what is written."""

import orjson
import pytest
from hypothesis import given

from schemas.codec import encode_event
from schemas.envelope import schema_uri
from schemas.events import EVENT_CLASSES, Event
from schemas.json_schema import FOLDER, documents, schema_of
from tests.support.events import events
from tests.support.json_schema import complaints


def test_the_documents_are_up_to_date() -> None:
    """Mend with `python -m schemas.json_schema`."""
    assert {path.name: path.read_bytes() for path in FOLDER.glob("*.json")} == documents()


@given(events)
def test_every_written_event_fits_its_document(event: Event) -> None:
    """What the document promises is what a foreign reader gets."""
    assert complaints(schema_of(type(event)), orjson.loads(encode_event(event))) == []


def test_a_wrong_value_is_found() -> None:
    """The check above can fail."""
    schema = schema_of(next(iter(EVENT_CLASSES.values())))
    assert complaints(schema, {"provider": 1})


@pytest.mark.parametrize("cls", EVENT_CLASSES.values())
def test_the_document_is_found_by_ce_dataschema(cls: type[Event]) -> None:
    """The name in the header is the name in the document."""
    assert schema_of(cls)["$id"] == schema_uri(cls.TYPE)
