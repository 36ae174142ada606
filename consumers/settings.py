"""The `[consumers]` tables of the configuration."""

from dataclasses import dataclass, field

from consumers.auto_reply.settings import AutoReplySettings
from consumers.confirm.settings import ConfirmSettings
from consumers.consent.settings import ConsentSettings
from consumers.consumer import MOST_CONCURRENCY
from consumers.loop.settings import FloodSettings, RetrySettings
from consumers.mirror.settings import MirrorSettings
from consumers.send.settings import SendSettings
from consumers.track.settings import TrackSettings
from schemas.settings import Limits, setting


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
    successor_of: str = setting(
        "",
        "the name of the state in whose place this one is on Kafka, because that one is lost or was moved: what it had "
        "in hand may be sent twice, see docs/state.md",
    )
    concurrency: int = setting(
        16, "events worked on at once; events of one key never are", limits=Limits(1, MOST_CONCURRENCY)
    )
    attempts: int = setting(5, "tries of one event in place, before it is retried later or goes to the dead letters")
    retry: RetrySettings = field(default_factory=RetrySettings)
    flood: FloodSettings = field(default_factory=FloodSettings)
    auto_reply: AutoReplySettings = field(default_factory=AutoReplySettings)
    send: SendSettings = field(default_factory=SendSettings)
    confirm: ConfirmSettings = field(default_factory=ConfirmSettings)
    consent: ConsentSettings = field(default_factory=ConsentSettings)
    track: TrackSettings = field(default_factory=TrackSettings)
    mirror: MirrorSettings = field(default_factory=MirrorSettings)
