"""What other teams write consumers with. Its names are imported from `hookline`; nothing here is to be imported."""
