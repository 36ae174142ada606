"""The question that everybody asks before a text goes out, and its answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.events import ConsentChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Whether a person may be texted. `consent` is a word of Consent; the others are of the statement that decides.

    Nothing known is permission: providers block on their own, and most people never say a word about it.
    """

    allowed: bool
    consent: str
    scope: str | None = None
    source: str | None = None
    since: datetime | None = None


class Consents(Protocol):
    """The book of consents."""

    async def may_text(
        self, account: str, number: str, sender: str | None, said: ConsentChanged | None = None
    ) -> Permission:
        """Tell whether `number` may be texted from our number `sender`; None stands for any of the account's.

        `said` is a statement of that person that counts as if it was noted already. Raises StateError.
        """
        ...
