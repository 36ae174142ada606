"""All resources of the account in memory: collections of objects with versions, and changes that come later."""

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from providers.fiction import Fiction
from providers.syniverse.simulation.bodies import APPLICATION, COMPANY, Fields, epoch

Record = dict[str, Any]
_LIMIT = 100_000
_ID_LENGTH = 22


class Store:
    """Collections by name. Beyond 100,000 objects of one collection the oldest are forgotten."""

    def __init__(self, fiction: Fiction) -> None:
        self._fiction = fiction
        self._collections: defaultdict[str, dict[str, Record]] = defaultdict(dict)
        self._later: list[tuple[float, int, str, str, Fields]] = []
        self._order = count()

    def create(self, collection: str, fields: Fields, now: float, new_id: str | None = None) -> Record:
        """Make an object and return it."""
        record: Record = {
            **fields,
            "id": new_id or self._fiction.token(_ID_LENGTH),
            "application_id": APPLICATION,
            "company_id": COMPANY,
            "created_date": epoch(now),
            "last_updated_date": epoch(now),
            "version_number": 1,
        }
        records = self._collections[collection]
        records[record["id"]] = record
        if len(records) > _LIMIT:
            del records[next(iter(records))]
        return record

    def find(self, collection: str, record_id: object) -> Record | None:
        """Return an object, None where there is none of that id."""
        return self._collections[collection].get(record_id) if isinstance(record_id, str) else None

    def every(self, collection: str) -> Sequence[Record]:
        """Return the objects of a collection in the order in which they were made."""
        return list(self._collections[collection].values())

    def change(self, collection: str, record_id: str, changes: Fields, now: float) -> None:
        """Change an object, whose version grows; pass over one that is gone."""
        record = self.find(collection, record_id)
        if record is not None:
            grown = {"version_number": record["version_number"] + 1, "last_updated_date": epoch(now)}
            record.update({**changes, **grown})

    def replace(self, collection: str, record_id: str, fields: Fields, now: float) -> None:
        """Put other fields in place of all, save those that the platform keeps."""
        record = self._collections[collection][record_id]
        kept = {name: record[name] for name in (*PLATFORM_FIELDS, "created_date") if name in record}
        record.clear()
        record.update({**fields, **kept})
        self.change(collection, record_id, {}, now)

    def delete(self, collection: str, record_id: str) -> bool:
        """Forget an object; tell whether it was there."""
        return self._collections[collection].pop(record_id, None) is not None

    def change_later(self, at: float, collection: str, record_id: str, changes: Mapping[str, Any]) -> None:
        """Change an object when its time has come: `advance` does it."""
        heapq.heappush(self._later, (at, next(self._order), collection, record_id, changes))
        if len(self._later) > _LIMIT:
            heapq.heappop(self._later)

    def advance(self, now: float) -> None:
        """Make the changes that are due."""
        while self._later and self._later[0][0] <= now:
            at, _, collection, record_id, changes = heapq.heappop(self._later)
            self.change(collection, record_id, changes, at)


PLATFORM_FIELDS = ("id", "application_id", "company_id", "version_number", "last_updated_date")
"""What no customer can set."""
