"""What we have done: the write-ahead record of deletions, read back to restore (DESIGN.md sections 6 and 10)."""
