"""The embedded server: a real Valkey from the extra `demo` on a private socket, of which nothing stays behind."""
