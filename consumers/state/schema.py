"""The tables of the state, the same on SQLite and on PostgreSQL. `migrations/` brings a database to them.

Columns that end in `_ms` are Unix milliseconds. Absent texts that belong to a key are empty, never NULL.
"""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()

commands = Table(
    "commands",
    metadata,
    Column("account", Text, primary_key=True),
    Column("command_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("doubts", Integer, nullable=False),
    Column("claimed_at", Float(53), nullable=False),
    Column("called_at", Float(53), nullable=False),
    Column("doubtful_at", Float(53), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("result", LargeBinary),
    Column("number", Text),
    Index("commands_by_age", "claimed_at"),
    Index("commands_by_number", "number"),
)
"""The ledger of commands: see `ledger.py`. `number` is the recipient, for as long as the body is kept.

`claimed_at` is when the command was seen first, `called_at` when the last call was claimed (0 when it is over), and
`doubtful_at` when the first of those calls was that may have had their effect; `doubts` counts them, the last one
included while it may be under way. Unix seconds.
"""

consents = Table(
    "consents",
    metadata,
    Column("account", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("number", Text, primary_key=True),
    Column("consent", Text, nullable=False),
    Column("source", Text),
    Column("moment_ms", BigInteger, nullable=False),
    Column("event_id", Text, nullable=False),
    Index("consents_by_number", "number"),
)
"""The current consent of a person in a scope of an account."""

consent_history = Table(
    "consent_history",
    metadata,
    Column("account", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("consent", Text, nullable=False),
    Column("provider_status", Text),
    Column("source", Text),
    Column("keyword", Text),
    Column("moment_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("webhook_id", Text),
    Index("consent_history_by_number", "number", "account", "scope", "consent", "moment_ms", "received_ms"),
)
"""Every statement about consent that came, late ones too."""

sender_scopes = Table(
    "sender_scopes",
    metadata,
    Column("account", Text, primary_key=True),
    Column("number", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("moment_ms", BigInteger, nullable=False),
)
"""In which scope of the provider each number of ours is, as its messages tell."""

messages = Table(
    "messages",
    metadata,
    Column("account", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("recipient", Text, primary_key=True),
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
    Index("messages_by_id", "message_id"),
    Index("messages_by_recipient", "recipient"),
    Index("messages_open", "final", "first_ms"),
)
"""The merged state of each message to each recipient; an empty recipient is what was said of all. See `track/`.

`gone_ms` is when the provider said that it has no such message; nobody asks for it any more, until there is news of it.
"""

message_events = Table(
    "message_events",
    metadata,
    Column("account", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
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
    Index("message_events_by_age", "received_ms"),
    Index("message_events_by_message", "message_id"),
    Index("message_events_by_request", "request_id"),
    Index("message_events_by_recipient", "recipient"),
)
"""What came about a message: its life, in the words of its sources."""

replies = Table(
    "replies",
    metadata,
    Column("account", Text, primary_key=True),
    Column("command_id", Text, primary_key=True),
    Column("ours", Text, nullable=False),
    Column("theirs", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("rule", Text),
    Column("purpose", Text),
    Column("family", Text),
    Column("text_digest", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("written_ms", BigInteger, nullable=False),
    Index("replies_by_conversation", "account", "ours", "theirs", "at_ms"),
    Index("replies_by_person", "theirs"),
    Index("replies_by_age", "at_ms"),
)
"""What was decided about each inbound message, `command_id` being the one command that may answer it.

`outcome` is a word of ReplyOutcome; `family` the family of opt-out word that the message is. `text_digest` is of the
answer. `at_ms` is when it was decided, `written_ms` when the message was written.
"""

state_name = Table("state_name", metadata, Column("name", Text, primary_key=True))
"""The name of this state, one row that is made with the tables and never changed. A copy of a file has the same."""
