"""archive_tui against the real Asynq library (driven by `tests/asynq_go`): what it finds, and what it must not lose."""
