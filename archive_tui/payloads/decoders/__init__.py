"""Decoders: one file for each format."""
