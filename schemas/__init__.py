"""The contract for everyone who reads the topics: events, envelope, topics, ids. No I/O."""
