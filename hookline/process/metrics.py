"""The figures of the process itself; those of the rooms are in `ingest.metrics` and `consumers.metrics`."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge, Info, ProcessCollector

from hookline.process.workers import Worker
from hookline.version import __version__


class ProcessMetrics:
    """What Prometheus learns of the process: version, memory, CPU time, open files, and the log's state."""

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(registry=registry)
        Info("hookline", "Version of Hookline", registry=registry).info({"version": __version__})
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
