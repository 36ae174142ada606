"""Syniverse's cloud for the simulator: its events, its store of resources, its token, its answers."""
