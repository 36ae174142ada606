"""One process: the log, the receiver, the consumers and the admin address, started and ended in order."""
