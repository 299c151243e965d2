"""A first-time tour over the demo: one line at a time that follows what the operator does."""
