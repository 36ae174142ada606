"""The companies and applications whose events an account takes: a second look at a sender who is proved."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from providers.bodies import bare
from providers.contract import Account, AccountError, Verdict
from providers.syniverse.events.values import label

COMPANY_FIELDS = ("company-id", "company_id")
APPLICATION_FIELDS = ("application_id",)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Ids as texts; an empty set allows every one."""

    companies: frozenset[str] = frozenset()
    applications: frozenset[str] = frozenset()

    def refusal(self, body: bytes) -> Verdict | None:
        """Return why a body is not for this account, None where it is. Never raises, whatever the bytes.

        Every id in it has to be allowed. A body that tells none is: voice events have no company, and what was proved
        is not dropped.
        """
        if not _all_in(told(body, COMPANY_FIELDS), self.companies):
            return Verdict.WRONG_COMPANY
        return None if _all_in(told(body, APPLICATION_FIELDS), self.applications) else Verdict.WRONG_APPLICATION


def told(body: bytes, names: Sequence[str]) -> Sequence[str]:
    """Return the ids that a body has under any of the names, wherever they stand; null and empty ones are none.

    All of them where a name comes twice: another reader may see the other one. An id that is neither a text nor a
    number is given as its JSON, which is on no list. A body that is no JSON tells what can be read of it.
    """
    found: list[Any] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.extend(value for name, value in pairs if name in names)
        return dict(pairs)

    with suppress(ValueError, RecursionError):
        # Numbers as the texts that they are: a long one is no reason to tell nothing.
        json.loads(bare(body), object_pairs_hook=keep, parse_int=str, parse_float=str, parse_constant=str)
    written = (value.strip() if isinstance(value, str) else json.dumps(value) for value in found if value is not None)
    return [value for value in written if value]


def allowed_of(account: Account) -> Allowed:
    """Return the allow-lists of an account. Raises AccountError for an id that is neither a text nor a number."""
    return Allowed(_ids(account, "company_ids"), _ids(account, "application_ids"))


def _all_in(found: Sequence[str], allowed: frozenset[str]) -> bool:
    return not allowed or all(item in allowed for item in found)


def _ids(account: Account, name: str) -> frozenset[str]:
    given = account.settings.get(name)
    items = () if given is None else given if isinstance(given, list | tuple) else (given,)
    found: Mapping[int, str | None] = {place: label({name: item}, name) for place, item in enumerate(items)}
    wrong = [place for place, item in found.items() if item is None]
    if wrong:
        raise AccountError(f"account {account.name!r}: {name}: item {wrong[0] + 1} is neither a text nor a number")
    return frozenset(item for item in found.values() if item is not None)
