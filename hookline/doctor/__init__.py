"""Checks of an installation, in plain words with what to do."""
