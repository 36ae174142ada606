"""Which topics a consumer reads, and where a record of each goes that failed."""

from dataclasses import dataclass

from broker.log import Partition
from consumers.consumer import Consumer
from schemas.topics import Topic, dead_letter_topic, retry_topic


@dataclass(frozen=True, slots=True)
class Route:
    """A topic of the contract with the group's own two beside it. All have the same partitions."""

    origin: Topic
    retry: Topic
    dead: Topic


class Routes:
    """The routes of one consumer."""

    def __init__(self, consumer: Consumer) -> None:
        name = consumer.name
        routes = [Route(topic, retry_topic(topic, name), dead_letter_topic(topic, name)) for topic in consumer.topics]
        self._by_topic = {topic.name: route for route in routes for topic in (route.origin, route.retry)}
        self._retries = frozenset(route.retry.name for route in routes)

    @property
    def topics(self) -> tuple[str, ...]:
        """What the group reads: the consumer's topics, and the retry topic of each."""
        return tuple(self._by_topic)

    def of(self, topic: str) -> Route:
        """Return the route of a topic that the group reads."""
        return self._by_topic[topic]

    def is_retry(self, topic: str) -> bool:
        """Tell whether this is a retry topic of the group."""
        return topic in self._retries

    def origin(self, partition: Partition) -> Partition:
        """Return the partition of the contract's topic to which this one belongs."""
        return Partition(self._by_topic[partition.topic].origin.name, partition.number)

    def retry(self, partition: Partition) -> Partition:
        """Return the retry topic's partition to which this one belongs."""
        return Partition(self._by_topic[partition.topic].retry.name, partition.number)
