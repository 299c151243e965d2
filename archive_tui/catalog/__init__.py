"""The rows that the screens show, in a private temporary SQLite file."""
