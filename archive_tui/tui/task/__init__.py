"""The parts of a screen with one task: its boxes, the search in them, and what can be done with it."""
