"""`hookline message`: the life of a message out of the state alone, and no number or text in it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from consumers.state.database import Database
from consumers.state.schema import replies
from consumers.track.unfinished import note_gone
from hookline.life import Life, lives_of
from hookline.life_words import hidden, life_fields, life_lines
from schemas.events import Event, ProviderError
from tests.support.consumed_log import MemoryLog
from tests.support.front import Desk, hookline
from tests.support.tracking import OTHER, PERSON, news, taken, told, tracker_of


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Give an open state."""
    made = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await made.open()
    yield made
    await made.close()


async def lives(database: Database, message_id: str, *events: Event, account: str | None = None) -> Sequence[Life]:
    """Track events, and return what is known of the message then."""
    tracker = tracker_of(database, MemoryLog())
    for event in events:
        await tracker.handle(told(event, webhook_id=f"w-{event.id}", ingress="poll" if event.attempt is None else None))
    return await database.run(lambda connection: lives_of(connection, message_id, account))


async def lines(life: Life, *, numbers: bool) -> Sequence[str]:
    """Return the lines; the names of our commands in them are looked up on the disk."""
    return await asyncio.to_thread(life_lines, life, numbers=numbers)


FAILED: dict[str, Any] = {"errors": (ProviderError(code="40001"),), "failure_class": "permanent"}


async def test_a_life_has_every_event_with_its_source_and_ends_where_it_stands(database: Database) -> None:
    """In the order of the provider's times, whatever the order in which they came."""
    events = (news("failed", 2, attempt=2, **FAILED), news("sent", 1), taken())
    (life,) = await lives(database, "m1", *events)
    told_lines = await lines(life, numbers=False)
    assert told_lines[0] == "message m1, account main (telnyx, tenant acme)"
    assert (
        "+15…02: failed (final) since 2026-01-01T00:00:02.000Z, provider says FAILED, failure permanent"
        in told_lines[1]
    )
    assert told_lines[2] == "  sent by command c1, in answer to message inbound-1"
    assert "send sent" in told_lines[3]
    assert "[our own]" in told_lines[3]
    assert "delivery sent, provider says SENT  [poll w-sent-1, received" in told_lines[4]
    assert "code 40001, failure permanent  [push w-failed-2, attempt 2, received" in told_lines[5]
    assert "tail --topic messaging.webhooks.v1" in told_lines[6]


async def test_what_its_provider_has_no_more_is_told(database: Database) -> None:
    """As reconcile noted it: who reads the life need not ask again."""
    (life,) = await lives(database, "m1", news("sent", 1))
    assert "gone_at" not in life_fields(life, numbers=False)
    await database.run(lambda connection: note_gone(connection, "main", "m1", 1_767_225_603_000))
    (life,) = await lives(database, "m1")
    moment = "2026-01-01T00:00:03.000Z"
    assert any("has no such message" in line and moment in line for line in await lines(life, numbers=False))
    assert life_fields(life, numbers=False)["gone_at"] == moment


async def test_a_request_tells_which_of_its_messages_its_provider_has_no_more(database: Database) -> None:
    """Nobody asks about such a request itself, so under its own id nothing would ever be noted."""
    events = [news("sent", 1, message=one, request_id="r1", to=to) for one, to in (("m7", PERSON), ("m8", OTHER))]
    await lives(database, "r1", taken("r1"), *events)
    await database.run(lambda connection: note_gone(connection, "main", "m7", 1_767_225_603_000))
    (life,) = await lives(database, "r1")
    moment = "2026-01-01T00:00:03.000Z"
    found = [line for line in await lines(life, numbers=False) if "has no such message" in line]
    assert len(found) == 1
    assert f"{moment}  asked by reconcile about message m7" in found[0]
    fields = life_fields(life, numbers=False)
    assert [one.get("gone_at") for one in fields["messages"]] == [moment, None]
    assert "gone_at" not in fields


async def test_numbers_show_only_when_they_are_asked_for(database: Database) -> None:
    """In words and as JSON."""
    (life,) = await lives(database, "m1", news("sent", 1), news("sent", 1, id="other", to=OTHER))
    for shown in (False, True):
        text = "\n".join(await lines(life, numbers=shown)) + str(life_fields(life, numbers=shown))
        assert (PERSON in text, OTHER in text) == (shown, shown)


async def test_the_rule_that_gave_the_command_is_told(database: Database) -> None:
    """Where auto-reply keeps it."""
    row: dict[str, Any] = {column.name: "x" for column in replies.columns}
    row |= {"account": "main", "command_id": "c1", "rule": "hours", "at_ms": 1}
    row = {name: 1 if name.endswith("_ms") else value for name, value in row.items()}
    await database.run(lambda connection: connection.execute(insert(replies).values(**row)).rowcount)
    (life,) = await lives(database, "m1", taken())
    assert life.sent is not None
    assert (life.sent.rule, life_fields(life, numbers=False)["command"]["rule"]) == ("hours", "hours")


async def test_a_request_shows_its_messages_and_a_message_its_command(database: Database) -> None:
    """Syniverse: what we sent has the request's id, its news those of its messages."""
    events = (
        taken("r1"),
        news("sent", 1, message="m7", request_id="r1"),
        news("read", 2, message="m7", request_id="r1"),
    )
    (request,) = await lives(database, "r1", *events)
    (message,) = await lives(database, "m7")
    assert [one.status for one in request.states.values()] == ["read"]
    assert [(place.message_id, one.status) for place, one in request.others.items()] == [("m7", "read")]
    assert message.others == {}
    for life in (request, message):
        assert life.sent is not None
        assert [one.status for one in life.events] == ["sent", "sent", "read"]


async def test_one_id_in_two_accounts_is_two_lives(database: Database) -> None:
    """Unless one is asked for."""
    events = (news("sent", 1), news("read", 2, account="other"))
    assert [life.account for life in await lives(database, "m1", *events)] == ["main", "other"]
    assert [life.account for life in await lives(database, "m1", account="other")] == ["other"]


async def test_what_a_provider_says_cannot_steer_the_terminal(database: Database) -> None:
    """Nor fill it."""
    (life,) = await lives(database, "m1", news("sent", 1, provider_status="\x1b[2J" + "x" * 1000))
    text = "".join(await lines(life, numbers=False))
    assert "\x1b" not in text
    assert "x" * 201 not in text


@pytest.mark.parametrize(("number", "said"), [("+15550000002", "+15…02"), ("66000", "66000"), ("SHOP", "SHOP")])
def test_a_hidden_number_keeps_its_ends(number: str, said: str) -> None:
    """A short code or a name is nobody's number."""
    assert hidden(number, shown=False) == said


def test_an_unknown_message_is_told_with_what_to_try(tmp_path: Path) -> None:
    """Status 1, on standard error."""
    Desk(tmp_path).write_sound("[consumers]", 'state = "sqlite:///state.db"')
    Path(tmp_path / "state.db").touch()
    done = hookline("message", "nobody", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"nothing is known of message 'nobody'" in done.stderr
    assert b"rebuild track --events" in done.stderr
