"""Every resource of the API, its token, Event Manager, for the client."""
