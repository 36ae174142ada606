"""What two readers may read differently: names that stand twice, and news that are of two kinds at once.

A person's text in a template without `$esc` can end its own member and write others after it. So it must not be
able to say who wrote, or what the news is.
"""

from collections.abc import Iterator
from functools import reduce
from typing import Any

from providers.fields import Json
from providers.messagemedia.events.bodies import GROUP_PARAMETER, Body, Unreadable
from providers.messagemedia.events.members import ALIASES, Members
from providers.messagemedia.events.variables import is_absent

# Who and which: two of their names that say different things leave it open who it was.
_IDENTITIES = (
    "source_number",
    "destination_number",
    "message_id",
    "delivery_report_id",
    "reply_id",
    "notification_id",
)
_OTHERS = frozenset({"id", "callback_url", GROUP_PARAMETER})


def doubt_of(body: Body, members: Members, *, is_report: bool) -> Unreadable | None:
    """Return why a pushed body cannot be trusted to say one thing; None where it can."""
    if _repeats(body, members) or any(_says_two_things(members, name) for name in _IDENTITIES):
        return Unreadable.REPEATED_NAMES
    foreign = _foreign_to_reports(members) if is_report else _foreign_to_messages(members)
    return Unreadable.MIXED_KINDS if foreign else None


def _repeats(body: Body, members: Members) -> bool:
    """Tell whether a form has a name twice that is read. Of JSON, `body_of` has seen to it."""
    if not body.plus_lost:
        return False
    read = _OTHERS.union(members.renamed.values(), *ALIASES.values())
    return any(name in read and isinstance(value, list) for name, value in body.root.items())


def _says_two_things(members: Members, name: str) -> bool:
    own = members.renamed.get(name)
    said = set(_said(members.root, own)) if own is not None else set[str]()
    # The account's own name goes before all others, so these say nothing beside it.
    return len(said or {value for alias in ALIASES[name] for value in _said(members.root, alias)}) > 1


def _said(root: Json, alias: str) -> Iterator[str]:
    """Yield what stands under that very name, and at the end of the way into objects that its dots mean."""
    inside = (reduce(_inside, alias.split("."), root),) if "." in alias else ()
    for value in (root.get(alias), *inside):
        if isinstance(value, str) and not is_absent(value):
            yield value.strip()


def _inside(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _foreign_to_reports(members: Members) -> bool:
    ids = (members.text("reply_id"), members.text("notification_id"))
    return any(ids) or members.words("content") is not None


def _foreign_to_messages(members: Members) -> bool:
    codes = (members.code("status"), members.code("error_code"))
    return any(codes) or members.text("delivery_report_id") is not None
