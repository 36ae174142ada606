"""What the setup makes at the provider: webhooks with our templates, signature keys."""
