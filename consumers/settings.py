"""The `[consumers]` tables of the configuration."""

from dataclasses import dataclass, field

from consumers.loop.settings import FloodSettings, RetrySettings
from consumers.track.settings import TrackSettings
from schemas.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`[[consumers.auto_reply.rules]]`: answer a message whose whole text is one of the keywords.

    Letter case and space around do not matter. The first rule that fits answers.
    """

    name: str = field(metadata={"doc": "names the rule in events and logs"})
    keywords: tuple[str, ...] = field(metadata={"doc": "the words that it answers"})
    reply: str = field(metadata={"doc": "the text of the answer"})
    accounts: tuple[str, ...] = setting((), "answer for these accounts alone; all where it is absent")


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoReplySettings:
    """`[consumers.auto_reply]`: answers to inbound messages."""

    rules: tuple[Rule, ...] = setting((), "in the order in which they are tried")
    default_reply: str | None = setting(
        None,
        "answers what no rule fits, without it such a message gets no answer; nothing stops it from answering another"
        " machine that answers it",
    )
    max_age: float = setting(900.0, "seconds after which a message is too old to be answered")


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSettings:
    """`[consumers.send]`: carrying out of commands."""

    attempts: int = setting(
        5, "calls that one command may cost; one with an expiry is asked again until then if the provider says to wait"
    )
    timeout: float = setting(20.0, "seconds that one call may take")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmSettings:
    """`[consumers.confirm]`: marking at the provider what is stored here."""

    max_age: float = setting(1.0, "seconds that an event waits for others to be confirmed by the same call, at most 60")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumersSettings:
    """`[consumers]`: what all consumers share, and a table for each."""

    state: str = field(
        default="sqlite:///var/state.db",
        repr=False,
        metadata={
            "doc": "where the ledger of commands, consents and message states live: `sqlite:///PATH`, or "
            "`postgresql://USER@HOST:PORT/DATABASE`; a URL with a password as `env:NAME` or `file:PATH`, see "
            "docs/state.md"
        },
    )
    concurrency: int = setting(16, "events worked on at once; events of one key never are")
    attempts: int = setting(5, "tries of one event in place, before it is retried later or goes to the dead letters")
    retry: RetrySettings = field(default_factory=RetrySettings)
    flood: FloodSettings = field(default_factory=FloodSettings)
    auto_reply: AutoReplySettings = field(default_factory=AutoReplySettings)
    send: SendSettings = field(default_factory=SendSettings)
    confirm: ConfirmSettings = field(default_factory=ConfirmSettings)
    track: TrackSettings = field(default_factory=TrackSettings)
