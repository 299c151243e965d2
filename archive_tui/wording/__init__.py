"""Wording for people (numbers, sizes, times), for programs (JSON, moments), and the facts of one task."""
