"""Auto-reply: inbound messages in, commands to send out, by the rules of the configuration."""
