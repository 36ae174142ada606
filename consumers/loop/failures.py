"""Why a record could not be handled."""

from dataclasses import dataclass, field
from enum import StrEnum

from consumers.loop.deadletter import traceback_digest
from consumers.loop.origin import LONGEST_REASON


class Trouble(StrEnum):
    """What went wrong with a record, one word of ours: for logs, metrics and the health page."""

    UNDECODABLE = "undecodable"
    REJECTED = "rejected"
    HANDLER_FAILED = "handler_failed"
    DEADLINE = "deadline"
    HANDLER_STUCK = "handler_stuck"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a try did not succeed. `counts`: it uses up a try. `pause` is what the handler asked for.

    `reason` is one word, of ours or of the handler's wish. `detail` may quote the event: for its dead letter alone.
    `tries` is how many the record had that failed. `runs_on`: the handler, or a thread of its, is still at work.
    """

    reason: str
    counts: bool = True
    pause: float | None = None
    detail: str = field(default="", repr=False)
    digest: str = ""
    tries: int = 0
    runs_on: bool = False

    @property
    def hopeless(self) -> bool:
        """Whether no try will ever help."""
        return self.reason in {Trouble.UNDECODABLE, Trouble.REJECTED}

    @property
    def ends_round(self) -> bool:
        """Whether no other try in place may follow: one that is still at work on the event would have company."""
        return self.hopeless or self.runs_on


CLOSING = Failure("closing", counts=False, pause=0.0)


def failure_of(trouble: Trouble, error: BaseException, detail: str | None = None) -> Failure:
    """Return the failure that an error is; `detail` where its own words do not fit."""
    text = f"{type(error).__name__}: {words_of(error)}" if detail is None else detail
    return Failure(trouble, detail=text, digest=traceback_digest(error))


def short(reason: str) -> str:
    """Return a word of the handler's as a log, a header and a page of JSON can hold it."""
    return reason[:LONGEST_REASON].encode("utf-8", "replace").decode()


def words_of(said: object) -> str:
    """Return the words of an error or of what it carries, whatever its own `__str__` does."""
    try:
        return str(said)
    except BaseException:  # noqa: BLE001 - code of the handler's; no cancelling arrives in the middle of it
        return "(its words cannot be read)"
