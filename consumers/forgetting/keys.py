"""The keys of a person on the compacted topics. They are read whole: a table may be lost, a topic tells what it has."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain

from broker.log import Log, Partition
from consumers.consent.statement import Statement, counting, statement_of
from consumers.forgetting.person import InState, OnTopic, Person
from schemas.codec import CodecError
from schemas.envelope import read_event
from schemas.events import ConsentChanged
from schemas.records import StoredRecord
from schemas.topics import CONSENT, STATES, Topic
from schemas.vocabulary import Consent

PARTS: Mapping[Topic, int] = {CONSENT: 3, STATES: 3}
"""The compacted topics and of how many parts their keys are; the account comes first, the number last."""

Ends = Mapping[Partition, int]
"""How far each partition was read."""


@dataclass(frozen=True, slots=True)
class OnTopics:
    """What the compacted topics have of a person.

    `found` are the keys that a tombstone is to be written for. `opt_outs` are the keys of the opt-outs that count, by
    the state or by the topic: either may know of one that the other does not. `lost` has those of them for which the
    topic has no record, with what it said before that, where it did.
    """

    found: tuple[OnTopic, ...]
    opt_outs: frozenset[bytes]
    lost: Mapping[bytes, Statement | None]
    ends: Ends


async def keys_of(log: Log, person: Person, known: InState, ours: Ends | None = None) -> OnTopics:
    """Return the keys for which the topics keep a record of this person. Raises LogUnavailableError.

    With `keeps_opt_out` those of the opt-outs that count are left out. A tombstone from `ours` on is of this erasure,
    which knew of no statement from there on: what stands behind `ours` and before it has been said all the same.
    """
    reading = _Reading(person, known.messages, ours or {})
    for topic in PARTS:
        await reading.read(log, topic)
    told = reading.counting()
    opt_outs = known.opt_outs | {key for key, each in told.items() if each.consent == Consent.OPTED_OUT}
    lost = {key: told.get(key) for key in opt_outs - reading.living[CONSENT]}
    if person.keeps_opt_out:
        reading.living[CONSENT] -= {key for key in reading.living[CONSENT] if person.usual(key) in opt_outs}
    found = tuple(OnTopic(topic.name, frozenset(living)) for topic, living in reading.living.items())
    return OnTopics(found, opt_outs, lost, reading.ends)


@dataclass(slots=True)
class _Reading:
    """What was read so far: the keys whose last record has a value, and what each of consent says."""

    person: Person
    messages: frozenset[tuple[str, str]]
    ours: Ends
    ends: dict[Partition, int] = field(default_factory=dict)
    living: dict[Topic, set[bytes]] = field(default_factory=lambda: {topic: set() for topic in PARTS})
    said: defaultdict[bytes, list[Statement]] = field(default_factory=lambda: defaultdict(list))

    async def read(self, log: Log, topic: Topic) -> None:
        """Read a topic to its end."""
        alone = frozenset(f"{account}|{message}|".encode("utf-8", "replace") for account, message in self.messages)
        wanted = alone if topic is STATES else frozenset[bytes]()
        for partition in await log.partitions(topic.name):
            bounds = await log.bounds(partition)
            self.ends[partition] = bounds.end
            meant = self.ours.get(partition, bounds.end)
            async for record in log.read(partition, bounds.first, bounds.end):
                if record.key is not None and (record.key in wanted or self.person.owns(record.key, PARTS[topic])):
                    self._take(topic, record.key, record, meant=record.offset < meant)

    def counting(self) -> Mapping[bytes, Statement]:
        """Return what counts of all that the topic of consent says, by the key in its usual spelling."""
        found = defaultdict[bytes, list[Statement]](list)
        for each in chain.from_iterable(self.said.values()):
            found[each.key].append(each)
        return {key: told for key, said in found.items() if (told := counting(said)) is not None}

    def _take(self, topic: Topic, key: bytes, record: StoredRecord, *, meant: bool) -> None:
        if record.value is not None:
            self.living[topic].add(key)
            if topic is CONSENT:
                self.said[key] += _said(record)
            return
        self.living[topic].discard(key)
        if meant:
            self.said.pop(key, None)


def _said(record: StoredRecord) -> tuple[Statement, ...]:
    """Return the statement of a record, none where it cannot be read."""
    try:
        delivered = read_event(record)
    except CodecError:
        return ()
    event = delivered.event
    return (statement_of(event, delivered.envelope.webhook_id),) if isinstance(event, ConsentChanged) else ()
