"""The spool: verified webhooks on this host's disk while the log is away."""

from ingest.spool.spool import Spool

__all__ = ["Spool"]
