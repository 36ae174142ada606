"""Consent: may we text this person from this number? Every statement that comes is merged into one answer."""
