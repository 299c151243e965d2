"""What we have done: the write-ahead record of changes, read back to restore (docs/journal.md)."""
