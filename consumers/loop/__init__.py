"""The consume loop: events of one key in order, commit after effect, retries, dead letters, drain."""
