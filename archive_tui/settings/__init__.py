"""The settings of a run: connection, guards, journal; from flags, environment and profile."""
