"""The companies and applications whose events an account takes: a second look at a sender who is proved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from providers.contract import Account, AccountError, Verdict
from providers.fields import Json
from providers.syniverse.reading import field_maps
from providers.syniverse.values import label

COMPANY_FIELDS = ("company-id", "company_id")
APPLICATION_FIELDS = ("application_id",)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Ids as texts; an empty set allows every one."""

    companies: frozenset[str] = frozenset()
    applications: frozenset[str] = frozenset()

    def refusal(self, body: bytes) -> Verdict | None:
        """Return why a body is not for this account, None where it is. Never raises, whatever the bytes.

        Every event of a list has to be allowed. An event whose id cannot be read is not: with a list of ids the
        account says that it wants no others.
        """
        if not self.companies and not self.applications:
            return None
        found = field_maps(body)
        if not _all_in(found, COMPANY_FIELDS, self.companies):
            return Verdict.WRONG_COMPANY
        return None if _all_in(found, APPLICATION_FIELDS, self.applications) else Verdict.WRONG_APPLICATION


def allowed_of(account: Account) -> Allowed:
    """Return the allow-lists of an account. Raises AccountError for an id that is neither a text nor a number."""
    return Allowed(_ids(account, "company_ids"), _ids(account, "application_ids"))


def _all_in(found: Sequence[Json | None], names: Sequence[str], allowed: frozenset[str]) -> bool:
    return not allowed or all(fields is not None and label(fields, *names) in allowed for fields in found)


def _ids(account: Account, name: str) -> frozenset[str]:
    given = account.settings.get(name)
    items = () if given is None else given if isinstance(given, list | tuple) else (given,)
    found: Mapping[int, str | None] = {place: label({name: item}, name) for place, item in enumerate(items)}
    wrong = [place for place, item in found.items() if item is None]
    if wrong:
        raise AccountError(f"account {account.name!r}: {name}: item {wrong[0] + 1} is neither a text nor a number")
    return frozenset(item for item in found.values() if item is not None)
