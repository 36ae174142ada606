"""MessageMedia's cloud for the simulator: its keys, its stories, its queues, its answers."""
