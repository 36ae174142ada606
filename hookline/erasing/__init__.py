"""`hookline erase`: what is known of a person goes, and what time alone will take is named."""
