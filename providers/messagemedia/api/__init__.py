"""Every operation of the API, for the client."""
