"""The connection to a server: who answers, how commands are sent, and how replies and errors come back."""
