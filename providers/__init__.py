"""One folder a provider: verify, normalize, client, and the facts of its deliveries."""
