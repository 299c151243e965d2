"""What we have seen: the rows that the screens show, in a private temporary SQLite file."""
