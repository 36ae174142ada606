"""The figures of several processes in one exposition: each sample gets a label that names its process."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

LABEL = "worker"
PARENT = "parent"
"""The label's value for the figures of the parent's own process."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The families of all processes, and the processes whose text could not be read."""

    families: tuple[Metric, ...]
    unreadable: frozenset[str]

    def exposition(self) -> bytes:
        """Return the text format."""
        registry = CollectorRegistry()
        registry.register(_Families(self.families))
        return generate_latest(registry)


class SupervisorMetrics:
    """What the parent of several workers counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.running = Gauge(
            "hookline_workers_running", "Workers of `hookline ingest --workers` that run now.", registry=registry
        )
        self._restarts = Counter(
            "hookline_worker_restarts_total", "Times that a worker ended and was replaced.", [LABEL], registry=registry
        )
        self._up = Gauge(
            "hookline_worker_up",
            "1 if the worker gave its figures for this scrape, else 0.",
            [LABEL],
            registry=registry,
        )

    def expect(self, numbers: Iterable[int]) -> None:
        """Show these workers from the first scrape on."""
        for number in numbers:
            self._restarts.labels(number)
            self._up.labels(number).set(0)

    def restarted(self, number: int) -> None:
        """Count a worker that was replaced."""
        self._restarts.labels(number).inc()

    def answered(self, numbers: Iterable[int], well: AbstractSet[int]) -> None:
        """Keep who gave its figures."""
        for number in numbers:
            self._up.labels(number).set(number in well)


def merge(texts: Mapping[str, str]) -> Merged:
    """Merge expositions by the names of their processes.

    A text that is no exposition, or that contradicts an earlier one in a metric's kind, is left out as a whole.
    """
    families: dict[str, Metric] = {}
    unreadable: set[str] = set()
    for process, text in texts.items():
        try:
            found = list(text_string_to_metric_families(text))
            _check(found, families)
        except (ValueError, KeyError, IndexError):
            unreadable.add(process)
            continue
        for family in found:
            # One that came with no sample still tells its kind.
            kept = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            kept.samples += [_labelled(sample, process) for sample in family.samples]
    return Merged(tuple(families.values()), frozenset(unreadable))


class _Families(Collector):
    """Hands ready families out."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Give them."""
        yield from self._families


def _check(found: Sequence[Metric], families: Mapping[str, Metric]) -> None:
    for family in found:
        known = families.get(family.name)
        if known is not None and known.type != family.type:
            raise ValueError(family.name)


def _labelled(sample: Sample, process: str) -> Sample:
    return sample._replace(labels={**sample.labels, LABEL: process})
