"""The keys of a person on the compacted topics. They are read whole: a table may be lost, a topic tells what it has."""

from collections.abc import Mapping

from broker.log import Log
from consumers.forgetting.person import InState, OnTopic, Person
from schemas.topics import CONSENT, STATES, Topic

PARTS: Mapping[Topic, int] = {CONSENT: 3, STATES: 3}
"""The compacted topics and of how many parts their keys are; the account comes first, the number last."""


async def keys_of(log: Log, person: Person, known: InState) -> tuple[OnTopic, ...]:
    """Return the keys for which the topics keep a record of this person. Raises LogUnavailableError.

    With `keeps_opt_out` those of the opt-outs that count are left out.
    """
    alone = frozenset(f"{account}|{message}|".encode("utf-8", "replace") for account, message in known.messages)
    found: list[OnTopic] = []
    for topic, parts in PARTS.items():
        living = await _living(log, topic, person, parts, alone if topic is STATES else frozenset())
        kept = known.opt_outs if person.keeps_opt_out and topic is CONSENT else frozenset[bytes]()
        found.append(OnTopic(topic.name, living - kept))
    return tuple(found)


async def lost_opt_outs(log: Log, person: Person, known: InState) -> frozenset[bytes]:
    """Return the keys of opt-outs that count for which the topic has no record. Raises LogUnavailableError."""
    return known.opt_outs - await _living(log, CONSENT, person, PARTS[CONSENT], frozenset())


async def _living(log: Log, topic: Topic, person: Person, parts: int, wanted: frozenset[bytes]) -> frozenset[bytes]:
    """Return the keys of this person, and those `wanted` besides, whose last record has a value."""
    living = set[bytes]()
    for partition in await log.partitions(topic.name):
        bounds = await log.bounds(partition)
        async for record in log.read(partition, bounds.first, bounds.end):
            key = record.key
            if key is None or not (key in wanted or person.owns(key, parts)):
                continue
            if record.value is None:
                living.discard(key)
            else:
                living.add(key)
    return frozenset(living)
