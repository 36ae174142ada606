"""The metadata that the sender of a message gave it: MessageMedia returns it in reports and replies."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from providers.fields import LONGEST_LIST
from providers.messagemedia.events.members import Members
from providers.messagemedia.events.variables import is_absent


def tags_of(members: Members) -> tuple[str, ...]:
    """Return the pairs as `key=value`, each once, whether they came as an object or as a list of pairs.

    MessageMedia takes 10 pairs a message; of far more than that, the rest is left to `provider_data`.
    """
    for _, value in members.found("metadata"):
        tags = tuple(dict.fromkeys(f"{key}={said}" for key, said in _pairs(value)))
        if tags:
            return tags
    return ()


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        found = list(islice(value.items(), LONGEST_LIST))
    elif isinstance(value, list):
        items = [item for item in value[:LONGEST_LIST] if isinstance(item, dict)]
        found = [(item.get("metadata_key"), item.get("metadata_value")) for item in items]
    else:
        found = []
    for key, said in found:
        if isinstance(key, str) and isinstance(said, str) and not is_absent(key) and not is_absent(said):
            yield key, said
