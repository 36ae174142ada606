"""Forgetting a person: rows of the state, and tombstones on compacted topics."""
