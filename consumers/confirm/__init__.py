"""Confirm: marks at the provider what is stored here."""
