"""`[consumers.track]` of the configuration."""

from dataclasses import dataclass

from schemas.settings import Limits, setting

_DAYS = Limits(1, 3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSettings:
    """`[consumers.track]`: the state of each message."""

    keep_states: float = setting(
        90.0, "days after its last change that a message's state is kept here; its topic keeps it as long", limits=_DAYS
    )
    keep_events: float = setting(
        30.0, "days that what was told about a message is kept, for `hookline message`", limits=_DAYS
    )
