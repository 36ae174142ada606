"""Send: commands in, calls to the provider, one result for each command."""
