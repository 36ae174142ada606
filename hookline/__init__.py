"""Hookline: verified messaging webhooks into a durable log, and what follows from them."""
