"""What the receiver itself has counted, read from its metrics as a scrape would."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

_REFUSALS = "hookline_refusals_total"
_WEBHOOKS = "hookline_webhooks_total"


def refusals(registry: CollectorRegistry) -> Mapping[str, int]:
    """Return the refusals by reason."""
    found: dict[str, int] = {}
    for sample in _samples(registry, _REFUSALS):
        reason = sample.labels["reason"]
        found[reason] = found.get(reason, 0) + int(sample.value)
    return found


def spooled(registry: CollectorRegistry) -> int:
    """Return how many webhooks were answered because the spool had them."""
    return sum(int(one.value) for one in _samples(registry, _WEBHOOKS) if one.labels.get("outcome") == "spooled")


def _samples(registry: CollectorRegistry, name: str) -> Iterator[Sample]:
    # This family alone: others read files when they are collected.
    for family in registry.restricted_registry([name]).collect():
        yield from (sample for sample in family.samples if sample.name == name)
