"""The log on Apache Kafka. aiokafka is fenced in here: nothing above sees its objects, its errors or its hangs."""

from broker.kafka.log import KafkaLog

__all__ = ["KafkaLog"]
