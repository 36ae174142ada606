"""`[consumers.track]` of the configuration."""

from dataclasses import dataclass

from schemas.settings import Limits, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSettings:
    """`[consumers.track]`: the state of each message."""

    batch: int = setting(
        250, "news that one transaction takes at most; as many again gather meanwhile", limits=Limits(1, 500)
    )
