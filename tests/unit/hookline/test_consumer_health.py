"""What the health page tells of each consumer."""

from broker.log import Partition
from consumers.loop.run import ConsumerHealth
from hookline.consuming.workers import Worker

WELL = ConsumerHealth(
    "send",
    running=True,
    assigned=frozenset({Partition("topic", 0), Partition("topic", 1)}),
    reason=None,
    last_progress=5.0,
    lag=7,
    waiting=2,
)
STOPPED = ConsumerHealth(
    "send", running=False, assigned=frozenset(), reason="dead_letter_flood", last_progress=5.0, detail="seen; to do"
)


class Still:
    """A loop of which a test says how it is."""

    def __init__(self, found: ConsumerHealth) -> None:
        self._found = found

    async def run(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def health(self) -> ConsumerHealth:
        """Say it."""
        return self._found


def test_lag_and_what_waits_are_shown() -> None:
    """Beside the number of its partitions and its last progress."""
    shown = Worker("send", Still(WELL)).health()
    assert {name: shown[name] for name in ("partitions", "lag", "waiting_for_retry", "last_progress")} == {
        "partitions": 2,
        "lag": 7,
        "waiting_for_retry": 2,
        "last_progress": 5.0,
    }


def test_a_consumer_that_stopped_says_why_and_what_to_do() -> None:
    """One word for a machine, and words for a person."""
    shown = Worker("send", Still(STOPPED)).health()
    assert (shown["running"], shown["reason"], shown["detail"]) == (False, "dead_letter_flood", "seen; to do")
