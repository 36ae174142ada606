"""A provider's cloud as a receiver meets it: deliveries with retries, duplicates and forgeries, and its API."""
