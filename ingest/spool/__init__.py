"""The spool: verified webhooks on this host's disk while the log is away."""
