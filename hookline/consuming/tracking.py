"""Wires track."""

from consumers.track.consumer import Tracker, track
from hookline.consuming.parts import CrewParts, Made


def make(parts: CrewParts) -> Made:
    """Return the consumer that keeps the state of each message."""
    tracker = Tracker(parts.config.consumers.track, parts.database, parts.log, parts.metrics)
    return Made(track(tracker), needs_state=True, close=tracker.close)
