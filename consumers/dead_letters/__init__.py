"""Dead letters: found, chosen, and dealt with, by whoever looks after a consumer group."""
