"""The way out: read the log, have an effect, commit. One module for each effect."""
