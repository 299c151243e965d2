"""The write-ahead record of changes, read back to restore (docs/journal.md)."""
