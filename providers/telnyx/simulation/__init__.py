"""Telnyx's cloud for the simulator: its key, its stories, its answers."""
