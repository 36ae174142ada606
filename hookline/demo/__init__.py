"""The whole of Hookline in one process on a laptop: a receiver, its consumers, and a simulated provider."""
