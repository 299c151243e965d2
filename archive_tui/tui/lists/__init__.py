"""The parts of a screen with tasks in a table: the list itself, its marks, and the flow of a change."""
