"""Calls of a provider's operations from the shell: options made of signatures, answers as JSON."""
