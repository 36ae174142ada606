"""Who sent a request: keys, shared secrets, and why a proof does not hold."""
