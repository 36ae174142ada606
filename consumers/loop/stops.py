"""What ends a membership: a client that is given up, and what stops a consumer until its process starts again."""

from broker.log import Partition


class ConsumerStopError(Exception):
    """The consumer must not go on. `reason` is one word; the message tells what was seen, `advice` what to do."""

    reason: str
    advice: str


class HandlersStuckError(ConsumerStopError):
    """As many handlers as may run, or too many threads of theirs, did not end in time, and nobody can cancel them."""

    reason = "handlers_stuck"
    advice = (
        "the handler catches asyncio.CancelledError and goes on, or waits without end for a thread: mend it. The events"
        " are in the dead-letter and retry topics"
    )


class LetterRefusedError(ConsumerStopError):
    """The log never takes the dead letter of a record, and without it the record may not count as done."""

    reason = "dead_letter_refused"
    advice = "compare the dead-letter topic with its origin, partitions and largest message: `hookline topics plan`"


class StalledError(Exception):
    """The log's client has records to give, and gives none."""

    def __init__(self, partition: Partition) -> None:
        super().__init__(f"{partition.topic} [{partition.number}]")
        self.partition = partition
