"""The two queues of what nobody has confirmed yet: delivery reports and replies.

Source: README of this folder, section 7. Each shows its oldest 100 until they are confirmed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from providers.messagemedia.api.calls import Calls
from providers.messagemedia.api.limits import MOST_CONFIRMED, check_ids
from providers.rest.answers import Answer
from providers.rest.errors import AuthenticationError

PAGE = MOST_CONFIRMED
"""Items that a check shows at most, and ids that a confirmation takes."""

OFF_BY_DEFAULT = "checking can be off by default: MessageMedia's support switches it on for an account"


@dataclass(frozen=True, slots=True)
class Queue:
    """Where a queue is, and what its items and their ids are called."""

    name: str
    path: str
    id_name: str

    @property
    def ids_name(self) -> str:
        """The member of a confirmation that lists ids."""
        return f"{self.id_name}s"

    async def check(self, calls: Calls) -> Answer:
        """Return what waits, oldest first. Raises ApiError; a 403 says that checking may be off for the account."""
        name = f"check_{self.name}"
        try:
            return await calls.get(name, self.path)
        except AuthenticationError as error:
            if error.status != 403:
                raise
            what = f"{name} ({OFF_BY_DEFAULT})"
            raise AuthenticationError(error.status, error.errors, error.retry_after, what) from error

    async def confirm(self, calls: Calls, ids: Sequence[str]) -> None:
        """Mark up to 100 items as received. To do it twice does no harm. Raises ApiError, LimitError."""
        check_ids(self.ids_name, ids)
        body = {self.ids_name: list(ids)}
        await calls.change(f"confirm_{self.name}", "POST", f"{self.path}/confirmed", body, repeatable=True)


DELIVERY_REPORTS = Queue("delivery_reports", "/v1/delivery_reports", "delivery_report_id")
REPLIES = Queue("replies", "/v1/replies", "reply_id")
