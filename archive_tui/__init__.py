"""Inspect and clean the archives of the Asynq task queue in Redis, from a terminal."""

__version__ = "0.1.0"
