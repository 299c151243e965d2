"""Payloads: recognising what a producer has put in, and showing all of it."""
