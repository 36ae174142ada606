"""Invented people, numbers and ids for simulated clouds. All numbers are of 555-01XX, the range of fiction."""

import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from uuid import UUID

_LETTERS = string.ascii_letters + string.digits
# Area codes of North America; each has the hundred numbers 555-0100 to 555-0199. 773 is the accounts' own.
_AREAS = tuple(area for area in range(201, 990) if area % 100 != 11 and area != 773)


@dataclass(slots=True)
class Fiction:
    """Makes ids at random, and numbers one after another.

    `people` counts the numbers. Whoever tells stories of one cloud several times shares it: a person who opted out in
    one of them must not come again in another.
    """

    random: Random
    people: Iterator[int] = field(default_factory=count)

    def uuid(self) -> str:
        """Return a new UUID."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def token(self, length: int = 22) -> str:
        """Return a new id of letters and digits."""
        return "".join(self.random.choices(_LETTERS, k=length))

    def number(self) -> str:
        """Return somebody's number, another one each time until all are used."""
        area, line = divmod(next(self.people), 100)
        return f"+1{_AREAS[area % len(_AREAS)]}55501{line:02d}"
