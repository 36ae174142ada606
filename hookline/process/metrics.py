"""The figures of the process itself; those of the rooms are in `ingest.metrics` and `consumers.metrics`."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Gauge, Info, ProcessCollector
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from hookline.consuming.workers import Worker
from hookline.process.line_writer import dropped_lines
from hookline.version import __version__


class ProcessMetrics:
    """What Prometheus learns of the process: version, memory, CPU time, open files, and the log's state."""

    def __init__(self, registry: CollectorRegistry) -> None:
        watch_process(registry)
        self._log_up = Gauge("hookline_log_up", "1 while the log confirms what is stored, else 0", registry=registry)
        self._consumer_up = Gauge(
            "hookline_consumer_up", "1 while the consumer runs in this process", ["consumer"], registry=registry
        )

    def watch_log(self, healthy: Callable[[], bool]) -> None:
        """Ask `healthy` at every scrape whether the log is well."""
        self._log_up.set_function(lambda: float(healthy()))

    def watch_consumer(self, worker: Worker) -> None:
        """Ask the worker at every scrape whether it runs."""
        self._consumer_up.labels(worker.name).set_function(lambda: float(worker.running))


def watch_process(registry: CollectorRegistry) -> None:
    """Register what every process has, whatever its role: version, memory, CPU time, open files, lines not written."""
    ProcessCollector(registry=registry)
    registry.register(_DroppedLines())
    Info("hookline", "Version of Hookline", registry=registry).info({"version": __version__})


class _DroppedLines(Collector):
    """Asks at every scrape: the log is older than any registry."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Give the figure."""
        yield CounterMetricFamily(
            "hookline_log_lines_dropped",
            "Log lines that were not written, because nobody took those before them or the stream was closed.",
            value=dropped_lines(),
        )
