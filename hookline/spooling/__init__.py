"""What an operator does with the spool: look at it, check it, write it out, drain it."""
