"""Which log a URL names."""

import time
from collections.abc import Callable, Iterable

from broker.log import Log, LogError
from broker.settings import BrokerSettings
from schemas.times import Clock


def open_log(settings: BrokerSettings, *, ingesting: bool, clock: Clock = time.time, topics: Iterable[str] = ()) -> Log:
    """Return the log of the settings, not started. `ingesting` claims the embedded log's one place for ingest.

    `topics` are those to append to: Kafka is asked about them beforehand, so that the first append is as quick as the
    next. One that is not there holds nothing up.

    Raises LogError for a URL of another kind, or one without a path or host.
    """

    def embedded() -> Log:
        from broker.embedded import EmbeddedLog

        return EmbeddedLog(settings, ingesting=ingesting, clock=clock)

    def kafka() -> Log:
        # Its client takes a while to import, and a site on the embedded log never needs it.
        from broker.kafka import KafkaLog

        return KafkaLog(settings, topics)

    kinds: dict[str, Callable[[], Log]] = {"sqlite": embedded, "kafka": kafka}
    scheme = settings.url.partition("://")[0]
    if scheme not in kinds:
        raise LogError(f"broker url {settings.url!r}: expected sqlite:///PATH or kafka://HOST:PORT,...")
    return kinds[scheme]()
