"""The way in: an HTTP request becomes a durable record, inside the provider's deadline."""
