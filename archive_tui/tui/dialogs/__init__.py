"""Dialogs: questions that stand in front of a screen until they are answered."""
