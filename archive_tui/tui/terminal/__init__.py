"""The terminal itself: what it is sent, what it sends, and how it is left."""
