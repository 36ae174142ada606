"""The log: Apache Kafka in production, its embedded twin in one SQLite file. Knows nothing of messages."""
