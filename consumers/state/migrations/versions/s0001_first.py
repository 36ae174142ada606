"""The first schema. The ledger of an earlier version, an SQLite file, is taken over into it."""

import json
import secrets

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    inspect,
    text,
)

revision = "0001"
down_revision = None

_EARLIER = "commands_before_0001"


def upgrade() -> None:
    """Make every table, and fill the ledger with what an earlier version has noted."""
    columns = _set_earlier_ledger_aside()
    _name()
    _commands()
    _consents()
    _messages()
    _replies()
    if columns:
        _take_over(columns)


def _set_earlier_ledger_aside() -> frozenset[str]:
    """Rename the ledger of an earlier version; return its columns, none where there is no such ledger."""
    found = inspect(op.get_bind())
    if "commands" not in found.get_table_names():
        return frozenset()
    op.drop_index("commands_by_age", "commands", if_exists=True)
    op.rename_table("commands", _EARLIER)
    return frozenset(column["name"] for column in inspect(op.get_bind()).get_columns(_EARLIER))


def _take_over(columns: frozenset[str]) -> None:
    # The very first version noted one time alone, that of the claim.
    called_at = "called_at" if "called_at" in columns else "claimed_at"
    plain = "account, command_id, state, calls, claimed_at, body, result"
    # It did not tell calls that were told to wait from calls in doubt, nor when those began: the worse is assumed.
    worse = f"{called_at}, CASE state WHEN 'claimed' THEN calls ELSE 0 END, claimed_at"
    op.execute(
        f"INSERT INTO commands ({plain}, called_at, doubts, doubtful_at) SELECT {plain}, {worse} FROM {_EARLIER}"  # noqa: S608 - names of ours
    )
    op.drop_table(_EARLIER)
    _name_recipients()


def _name_recipients() -> None:
    """Note who the bodies are for, so that what is kept of a person can be found; what cannot be read stays without."""
    rows = op.get_bind().execute(text("SELECT account, command_id, body FROM commands WHERE result IS NULL"))
    found = [
        {"account": account, "command_id": command, "number": number}
        for account, command, body in rows
        if (number := recipient_of(bytes(body))) is not None
    ]
    if found:
        noted = "UPDATE commands SET number = :number WHERE account = :account AND command_id = :command_id"
        op.get_bind().execute(text(noted), found)


def recipient_of(body: bytes) -> str | None:
    """Return the one recipient that the body of a call names, as each of the providers writes it; None without."""
    try:
        call = json.loads(body)
        recipient = call["messages"][0]["destination_number"] if "messages" in call else call["to"]
        found = recipient[0] if isinstance(recipient, list) else recipient
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return found if isinstance(found, str) and found else None


def _name() -> None:
    names = op.create_table("state_name", Column("name", Text, primary_key=True))
    op.bulk_insert(names, [{"name": f"state-{secrets.token_hex(6)}"}])


def _commands() -> None:
    op.create_table(
        "commands",
        Column("account", Text, nullable=False),
        Column("command_id", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("calls", Integer, nullable=False),
        Column("doubts", Integer, nullable=False),
        Column("claimed_at", Float(53), nullable=False),
        Column("called_at", Float(53), nullable=False),
        Column("doubtful_at", Float(53), nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("result", LargeBinary),
        Column("number", Text),
        PrimaryKeyConstraint("account", "command_id"),
    )
    op.create_index("commands_by_age", "commands", ["claimed_at"])
    op.create_index("commands_by_number", "commands", ["number"])


def _consents() -> None:
    op.create_table(
        "consents",
        Column("account", Text, nullable=False),
        Column("scope", Text, nullable=False),
        Column("number", Text, nullable=False),
        Column("consent", Text, nullable=False),
        Column("source", Text),
        Column("moment_ms", BigInteger, nullable=False),
        Column("event_id", Text, nullable=False),
        PrimaryKeyConstraint("account", "scope", "number"),
    )
    op.create_index("consents_by_number", "consents", ["number"])
    _consent_history()
    op.create_table(
        "sender_scopes",
        Column("account", Text, nullable=False),
        Column("number", Text, nullable=False),
        Column("scope", Text, nullable=False),
        Column("moment_ms", BigInteger, nullable=False),
        PrimaryKeyConstraint("account", "number"),
    )


def _consent_history() -> None:
    op.create_table(
        "consent_history",
        Column("account", Text, nullable=False),
        Column("event_id", Text, nullable=False),
        Column("scope", Text, nullable=False),
        Column("number", Text, nullable=False),
        Column("consent", Text, nullable=False),
        Column("provider_status", Text),
        Column("source", Text),
        Column("keyword", Text),
        Column("moment_ms", BigInteger, nullable=False),
        Column("received_ms", BigInteger, nullable=False),
        Column("webhook_id", Text),
        PrimaryKeyConstraint("account", "event_id"),
    )
    order = ["number", "account", "scope", "consent", "moment_ms", "received_ms"]
    op.create_index("consent_history_by_number", "consent_history", order)


def _messages() -> None:
    op.create_table(
        "messages",
        Column("account", Text, nullable=False),
        Column("message_id", Text, nullable=False),
        Column("recipient", Text, nullable=False),
        Column("provider", Text, nullable=False),
        Column("tenant", Text),
        Column("status", Text, nullable=False),
        Column("rank", Integer, nullable=False),
        Column("moment_ms", BigInteger, nullable=False),
        Column("event_id", Text, nullable=False),
        Column("provider_status", Text, nullable=False),
        Column("failure_class", Text, nullable=False),
        Column("through", Text, nullable=False),
        Column("final", Boolean, nullable=False),
        Column("first_ms", BigInteger, nullable=False),
        Column("changed_ms", BigInteger, nullable=False),
        Column("gone_ms", BigInteger),
        PrimaryKeyConstraint("account", "message_id", "recipient"),
    )
    op.create_index("messages_by_id", "messages", ["message_id"])
    op.create_index("messages_by_recipient", "messages", ["recipient"])
    op.create_index("messages_open", "messages", ["final", "first_ms"])
    _message_events()


def _message_events() -> None:
    op.create_table(
        "message_events",
        Column("account", Text, nullable=False),
        Column("message_id", Text, nullable=False),
        Column("event_id", Text, nullable=False),
        Column("recipient", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("status", Text),
        Column("provider_status", Text),
        Column("failure_class", Text),
        Column("code", Text),
        Column("occurred_ms", BigInteger),
        Column("received_ms", BigInteger, nullable=False),
        Column("attempt", Integer),
        Column("ingress", Text),
        Column("webhook_id", Text),
        Column("request_id", Text),
        Column("command_id", Text),
        Column("in_reply_to", Text),
        PrimaryKeyConstraint("account", "message_id", "event_id"),
    )
    op.create_index("message_events_by_age", "message_events", ["received_ms"])
    op.create_index("message_events_by_message", "message_events", ["message_id"])
    op.create_index("message_events_by_request", "message_events", ["request_id"])
    op.create_index("message_events_by_recipient", "message_events", ["recipient"])


def _replies() -> None:
    op.create_table(
        "replies",
        Column("account", Text, nullable=False),
        Column("command_id", Text, nullable=False),
        Column("ours", Text, nullable=False),
        Column("theirs", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("rule", Text),
        Column("purpose", Text),
        Column("family", Text),
        Column("text_digest", Text, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("written_ms", BigInteger, nullable=False),
        PrimaryKeyConstraint("account", "command_id"),
    )
    op.create_index("replies_by_conversation", "replies", ["account", "ours", "theirs", "at_ms"])
    op.create_index("replies_by_person", "replies", ["theirs"])
    op.create_index("replies_by_age", "replies", ["at_ms"])
