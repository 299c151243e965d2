"""What producers put into a payload: recognise it, and show all of it."""
