"""What the final check compares, account by account: the books of a cloud, and what the log holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must be in the log under one account, by the books of its own cloud.

    `webhooks` holds the digest of each acknowledged content, `events` the id of each event in them, both with the
    provider's name of it; `others` the digests of earlier attempts of the same webhook, one of which may stand in the
    log in its place; `keys` the record key of those whose topic is compacted; `replies` the events that must be
    answered, `silent` those that must not, `forged` the digests of what was never genuine, `effects` the ids of
    messages that calls made, `messages` the ids of all messages and requests that the cloud told of. `unconfirmed`
    items wait for a confirmation; `strays` are confirmations of what this cloud never had.
    """

    provider: str = ""
    webhooks: Mapping[bytes, str] = field(default_factory=dict[bytes, str])
    others: Mapping[bytes, frozenset[bytes]] = field(default_factory=dict[bytes, frozenset[bytes]])
    events: Mapping[str, str] = field(default_factory=dict[str, str])
    keys: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    replies: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    forged: frozenset[bytes] = frozenset()
    effects: Sequence[str] = ()
    messages: frozenset[str] = frozenset()
    unconfirmed: int = 0
    strays: int = 0

    @property
    def contents(self) -> frozenset[bytes]:
        """The digests of all that may stand in the log of what was acknowledged."""
        return frozenset().union(self.webhooks, *self.others.values())


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """A command in the log: its id, and the event that it answers."""

    id: str
    cause: str | None


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A result in the log: the command that it ends, how, and the message that the provider made."""

    command_id: str
    outcome: str
    message_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What is in the log under one account: digests of raw contents, ids of events, commands and results.

    All are sets: a record that is there twice with the same id is one event to every reader. `names` holds the id of
    each event, command and result with each message that it names; `providers` whose they say they are; `disguised`
    the ids of events that themselves name another account than their record does; `keys` the keys of what stands on
    compacted topics, where a newer record takes the place of an older one.
    """

    webhooks: frozenset[bytes] = frozenset()
    events: frozenset[str] = frozenset()
    commands: frozenset[StoredCommand] = frozenset()
    results: frozenset[StoredResult] = frozenset()
    names: frozenset[tuple[str, str]] = frozenset()
    providers: frozenset[str] = frozenset()
    disguised: frozenset[str] = frozenset()
    keys: frozenset[bytes] = frozenset()
