"""`[consumers.confirm]` of the configuration."""

from dataclasses import dataclass

from schemas.settings import Limits, setting

_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmSettings:
    """`[consumers.confirm]`: marking at the provider what is stored here."""

    max_age: float = setting(
        1.0, "seconds that an event waits for others to be confirmed by the same call", limits=Limits(0, 60)
    )
    give_up_after: float = setting(
        float(_DAY),
        "seconds for which an event that could not be confirmed waits for its provider; after that it is given up,"
        " which is counted, and the provider keeps it",
        limits=Limits(60, 6 * _DAY),
    )
