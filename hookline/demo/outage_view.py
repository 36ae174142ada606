"""What the demo shows of an outage and of the spool that bridges it, in words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil

from hookline.simulator.latency import Latency
from hookline.simulator.wording import Row, duration


class OutagePhase(StrEnum):
    """Where an outage is. A demo that was ended before its outage ends AHEAD of it."""

    AHEAD = "ahead"
    AWAY = "away"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageView:
    """An outage at one moment. Times in seconds.

    `left` is how long its phase still lasts, `lasted` how long the broker has been away, `noticed` after how much of
    that the log's state told so (None: not yet). `answers` are those to webhooks while the broker was away.
    """

    phase: OutagePhase = OutagePhase.AHEAD
    left: float = 0.0
    lasted: float = 0.0
    noticed: float | None = None
    answers: Latency = field(default_factory=Latency)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolView:
    """The spool at one moment: webhooks and bytes that wait there, the age of the oldest in seconds.

    `spooled` and `drained` count since the start, `set_aside` is what was damaged.
    """

    waiting: int = 0
    bytes: int = 0
    oldest: float | None = None
    spooled: int = 0
    drained: int = 0
    set_aside: int = 0


def outage_text(outage: OutageView, spool: SpoolView, log_state: str) -> str:
    """Return an outage and the spool in one line."""
    return f"{_broker(outage, log_state)} · {_spool(spool)}"


def outage_rows(outage: OutageView, spool: SpoolView) -> Sequence[Row]:
    """Return the closing figures of an outage."""
    if outage.phase is OutagePhase.AHEAD:
        return [("broker away", "not yet: the demo was ended before")]
    noticed = "never noticed by the log" if outage.noticed is None else f"noticed after {duration(outage.noticed)}"
    found = [
        ("broker away", f"{duration(outage.lasted)}, {noticed}"),
        ("answers meanwhile", _answers(outage.answers)),
        ("spooled", f"{spool.spooled:,}, drained {spool.drained:,}, left {spool.waiting:,}"),
    ]
    return [*found, ("damaged in the spool", f"{spool.set_aside:,}")] if spool.set_aside else found


def _broker(outage: OutageView, log_state: str) -> str:
    match outage.phase:
        case OutagePhase.AHEAD:
            return f"broker there, taken away in {ceil(outage.left)} s"
        case OutagePhase.AWAY:
            return f"BROKER AWAY, back in {ceil(outage.left)} s, log {log_state}"
        case OutagePhase.OVER:
            return f"broker back after {outage.lasted:.0f} s, log {log_state}"


def _spool(spool: SpoolView) -> str:
    drained = f", {spool.drained:,} of {spool.spooled:,} drained" if spool.spooled else ""
    if not spool.waiting:
        return f"spool empty{drained}"
    oldest = "" if spool.oldest is None else f", oldest {spool.oldest:.0f} s"
    return f"spool {spool.waiting:,} ({spool.bytes / 1024:,.0f} KiB{oldest}){drained}"


def _answers(latency: Latency) -> str:
    if not latency.count:
        return "none"
    figures = (("p50", latency.p50), ("p99", latency.p99), ("p99.9", latency.p999), ("slowest", latency.slowest))
    return f"{latency.count:,}, " + ", ".join(f"{name} {duration(value)}" for name, value in figures)
