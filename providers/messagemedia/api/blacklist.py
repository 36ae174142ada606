"""The account's blacklist: numbers that it may not write to. Source: README of this folder, section 6."""

from collections.abc import Sequence

from providers.fields import mapping, text, texts
from providers.messagemedia.api import limits
from providers.messagemedia.api.calls import Calls, list_of, object_of
from providers.messagemedia.api.models import Authorisation
from providers.rest.answers import Answer
from providers.rest.operations import operation
from providers.rest.pages import Page, Pages

BLACKLIST_PATH = "/v1/number_authorisation/mt/blacklist"
_AUTHORISED_PATH = "/v1/number_authorisation/is_authorised"


class Blacklist:
    """The blacklist of an account. The platform adds those who write an opt-out word."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @operation("GET", BLACKLIST_PATH)
    def list(self, *, token: str | None = None) -> Pages[str]:
        """List the numbers on the blacklist, 100 a page; `token` begins with the page that an earlier one named."""

        async def fetch(place: str) -> Page[str]:
            query = (("token", place),) if place else ()
            answer = await self._calls.get("blacklist.list", BLACKLIST_PATH, query)
            found = _numbers(answer)
            following = text(mapping(object_of(answer, "blacklist.list"), "pagination"), "page")
            # An empty page ends the list whatever it says of the next: nothing else does so surely.
            return Page(items=found, place=place, next_place=following if found else None)

        return Pages(fetch, token or "")

    @operation("POST", BLACKLIST_PATH)
    async def add(self, numbers: Sequence[str]) -> tuple[str, ...]:
        """Put 1 to 10 numbers on the blacklist, E.164, and return them.

        Raises LimitError, ApiError.
        """
        limits.check_numbers("numbers", numbers, limits.MOST_BLACKLISTED)
        # Numbers that are on it already are answered with success.
        answer = await self._calls.change(
            "blacklist.add", "POST", BLACKLIST_PATH, {"numbers": list(numbers)}, repeatable=True
        )
        return texts(object_of(answer, "blacklist.add"), "numbers")

    @operation("DELETE", f"{BLACKLIST_PATH}/{{number}}")
    async def remove(self, number: str) -> None:
        """Take a number off the blacklist.

        Raises NotFoundError where it is not on it.
        """
        limits.check_number("number", number)
        await self._calls.change("blacklist.remove", "DELETE", f"{BLACKLIST_PATH}/{number}", repeatable=True)

    @operation("GET", f"{_AUTHORISED_PATH}/{{numbers}}")
    async def is_authorised(self, numbers: Sequence[str]) -> tuple[Authorisation, ...]:
        """Tell of each number whether the account may write to it.

        Raises LimitError, ApiError.
        """
        limits.check_numbers("numbers", numbers)
        answer = await self._calls.get("blacklist.is_authorised", f"{_AUTHORISED_PATH}/{','.join(numbers)}")
        return tuple(map(Authorisation.of, list_of(answer, "blacklist.is_authorised", "numbers")))


def _numbers(answer: Answer) -> tuple[str, ...]:
    """Return the numbers of a page; they may be left out of a page that says at least whose it is."""
    page = object_of(answer, "blacklist.list")
    if "numbers" not in page and text(page, "uri"):
        return ()
    # Anything else that is no list must not look like a list that everybody has left.
    return tuple(item for item in list_of(answer, "blacklist.list", "numbers") if isinstance(item, str))
