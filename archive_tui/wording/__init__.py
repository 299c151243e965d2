"""How facts are written: for people, for programs, and the facts of one task."""
