"""What a run needs: connection, journal, limits; from flags, environment and profile."""
