"""The life of a message, out of the state alone: what came when and from where, who sent it, and where it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from consumers.state.schema import replies
from consumers.track import table
from consumers.track.merging import Standing
from consumers.track.places import EventNote, Place, whole
from consumers.track.states import StateRow
from consumers.track.unfinished import gone_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The command that sent a message. `rule` is the rule of auto-reply that gave it, where that is kept."""

    command_id: str
    outcome: str | None
    in_reply_to: str | None
    rule: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What is known of one message, or of a message request with its messages. Events in the order of their times.

    `states` are those that count, by recipient; `others` are the states of a request's messages. `gone_ms` is when
    the provider said that it has no such message, or has it no more, by the id of what it was asked about.
    """

    account: str
    message_id: str
    provider: str | None
    tenant: str | None
    states: Mapping[Place, Standing]
    others: Mapping[Place, Standing]
    sent: Sent | None
    gone_ms: Mapping[str, int]
    events: Sequence[EventNote]


def lives_of(connection: Connection, message_id: str, account: str | None) -> Sequence[Life]:
    """Return the life of that message in each account that knows it, none where nobody does."""
    rows = table.states_of(connection, [message_id], account)
    events = list(table.events_of(connection, [message_id], account))
    accounts = sorted({row.place.account for row in rows} | {one.account for one in events})
    return [
        _life(connection, message_id, name, [row for row in rows if row.place.account == name], events)
        for name in accounts
    ]


def _life(
    connection: Connection, message_id: str, account: str, rows: Sequence[StateRow], found: Sequence[EventNote]
) -> Life:
    events = [one for one in found if one.account == account]
    # News of a message name its request, whose own events tell of the command.
    requests = sorted({one.request_id for one in events if one.message_id == message_id and one.request_id})
    if requests:
        events += [one for one in table.events_of(connection, requests, account) if one.message_id in requests]
    parts = sorted({one.message_id for one in events} - {message_id} - set(requests))
    others = table.states_of(connection, parts, account) if parts else ()
    known = next(iter(rows), None)
    return Life(
        account=account,
        message_id=message_id,
        provider=None if known is None else known.provider,
        tenant=None if known is None else known.tenant,
        states=whole({row.place: row.standing for row in rows}),
        others={row.place: row.standing for row in others},
        sent=_sent(connection, account, events),
        gone_ms=gone_at(connection, account, [message_id, *parts]),
        events=sorted({one.key: one for one in events}.values(), key=time_of),
    )


def time_of(event: EventNote) -> tuple[int, int, str]:
    """Return where an event stands in a life: by the provider's time, else by ours."""
    moment = event.received_ms if event.occurred_ms is None else event.occurred_ms
    return moment, event.received_ms, event.event_id


def _sent(connection: Connection, account: str, events: Sequence[EventNote]) -> Sent | None:
    result = next((one for one in events if one.command_id), None)
    if result is None or result.command_id is None:
        return None
    query = select(replies.c.rule).where(replies.c.account == account, replies.c.command_id == result.command_id)
    return Sent(
        command_id=result.command_id,
        outcome=result.status,
        in_reply_to=result.in_reply_to,
        rule=connection.execute(query).scalar(),
    )
