"""The consumers of a process: made from the configuration, started, shown, ended."""
