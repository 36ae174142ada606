"""The fault bench, `make faults`: real processes, real faults, and a ledger that has to close at the end.

What is acknowledged is looked for in Kafka byte by byte and event by event; every answer is timed against its
provider's patience. `docs/proof.md` says what is shown, and keeps the recorded runs.
"""
