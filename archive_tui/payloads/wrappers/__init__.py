"""Wrappers: one file for each kind of layer around a payload."""
