"""`hookline consent`: who may be texted, said and shown at the command line."""
