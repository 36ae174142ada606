"""Wires the consumers of other teams."""

from hookline.consuming.parts import CrewParts, Made
from hookline.kit.finding import Found
from hookline.kit.running import for_loop


def make(parts: CrewParts, found: Found) -> Made:
    """Return the consumer of another team as the loop runs it."""
    return Made(for_loop(found.consumer, parts.log, parts.clock))
