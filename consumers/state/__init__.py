"""What must outlive a process: the ledger of commands, consents, message states. SQLite, or PostgreSQL by URL."""
