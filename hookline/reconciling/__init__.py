"""`hookline reconcile`: asks providers about messages whose end nobody told us, and publishes what was missed."""
