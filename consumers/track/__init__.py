"""Track: from the news of each message to its one state, which never goes back."""
