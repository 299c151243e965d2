"""Tasks beside each other: two of them, or one and those of its type that ended well. Pure: no I/O, no screen."""
