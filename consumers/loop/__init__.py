"""The consume loop: events of one key in order, commit after effect, retries, dead letters, drain."""

from consumers.loop.run import ConsumeLoop, ConsumerHealth

__all__ = ["ConsumeLoop", "ConsumerHealth"]
