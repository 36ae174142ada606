"""Who sent a request: passwords, tokens, certificates, and whose events are taken."""
