"""What Kafka holds: the digest of every raw record, what its normalizer gives, and where each event first stands."""

import hashlib
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hookline.demo.collect import digest_of
from providers.contract import Account
from providers.registry import provider
from schemas.records import StoredRecord
from schemas.topics import CLICKS, CONSENT, DELIVERY, INBOUND, NOTICES, TOPIC_OF, WEBHOOKS
from schemas.webhook import webhook_from_record

TYPED = (DELIVERY.name, INBOUND.name, CLICKS.name, CONSENT.name, NOTICES.name)
TOPICS = (WEBHOOKS.name, *TYPED)
_EPOCH = 40

Normalize = Callable[[StoredRecord], Sequence[tuple[bytes, int]]]
"""What a raw record must give: for each event its id (16 bytes) and the number of its topic."""


@dataclass(frozen=True, slots=True)
class Found:
    """The first copy of an event: topic (its number in TOPICS), partition, digest of the key, place, all copies.

    `place` grows with the time of writing within a partition, also over a deletion of the topic.
    """

    topic: int
    partition: int
    key: int
    place: int
    copies: int


class Stored:
    """Takes records in the order of each partition. Bounded by what the run stores: some 200 bytes an event."""

    def __init__(self, normalize: Normalize) -> None:
        self._normalize = normalize
        self._raw: dict[bytes, tuple[bytes, ...]] = {}
        self._raw_copies = 0
        self._number: dict[bytes, int] = {}
        self._where = array("H")
        self._key = array("Q")
        self._place = array("q")
        self._copies = array("H")
        self._topic_of_expected: dict[bytes, int] = {}
        self._epochs = dict.fromkeys(TOPICS, 0)

    @property
    def webhooks(self) -> int:
        """Distinct raw records."""
        return len(self._raw)

    @property
    def raw_repeats(self) -> int:
        """Raw records beyond the first of their content."""
        return self._raw_copies - len(self._raw)

    def take(self, record: StoredRecord) -> None:
        """Note one record of a topic of the contract."""
        if record.topic == WEBHOOKS.name:
            self._take_raw(record)
        else:
            self._take_event(record)

    def topic_made_again(self, topic: str) -> None:
        """Let what comes now of this topic stand behind all that was."""
        self._epochs[topic] += 1

    def is_gone(self, found: Found) -> bool:
        """Tell whether the place was in a topic that was deleted since."""
        return found.place >> _EPOCH < self._epochs[TOPICS[found.topic]]

    def expected(self, *digests: bytes) -> tuple[bytes, ...] | None:
        """Return the event ids that the first stored one of these contents gives, None where no raw record has any."""
        return next((self._raw[digest] for digest in digests if digest in self._raw), None)

    def find(self, event: bytes) -> Found | None:
        """Return where an event stands, None where it does not."""
        number = self._number.get(event)
        if number is None:
            return None
        topic, partition = divmod(self._where[number], 256)
        return Found(topic, partition, self._key[number], self._place[number], self._copies[number])

    def topic_of(self, event: bytes) -> str:
        """Return the topic that an expected event belongs to."""
        return TOPICS[self._topic_of_expected[event]]

    def _take_raw(self, record: StoredRecord) -> None:
        self._raw_copies += 1
        digest = digest_of(record)
        if digest in self._raw:
            return
        ids: list[bytes] = []
        for event, topic in self._normalize(record):
            self._topic_of_expected.setdefault(event, topic)
            ids.append(event)
        self._raw[digest] = tuple(dict.fromkeys(ids))

    def _take_event(self, record: StoredRecord) -> None:
        event = bytes.fromhex(record.text_header("ce_id") or "")
        number = self._number.get(event)
        if number is not None:
            self._copies[number] = min(65_535, self._copies[number] + 1)
            return
        self._number[event] = len(self._where)
        self._where.append(TOPICS.index(record.topic) * 256 + record.partition)
        self._key.append(int.from_bytes(hashlib.blake2b(record.key or b"", digest_size=8).digest()))
        self._place.append((self._epochs[record.topic] << _EPOCH) + record.offset)
        self._copies.append(1)


def normalizing(accounts: Mapping[str, Account]) -> Normalize:
    """Return what gives the events of a raw record by the provider of its account."""
    numbers = {name: number for number, name in enumerate(TOPICS)}

    def events(record: StoredRecord) -> Sequence[tuple[bytes, int]]:
        webhook = webhook_from_record(record)
        account = accounts[webhook.account]
        found = provider(account.provider).normalize(webhook, account.settings)
        return [(bytes.fromhex(event.id), numbers[TOPIC_OF[event.TYPE].name]) for event in found]

    return events
