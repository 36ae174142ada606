"""What the clients of all providers share: one call with its deadline, retries, errors, pages, typed answers."""
