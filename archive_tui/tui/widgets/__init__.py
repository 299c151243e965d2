"""Widgets that know nothing of Redis, catalogs or tasks: they are given data from above and post messages up."""
