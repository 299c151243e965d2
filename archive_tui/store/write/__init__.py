"""The scripts that change task data, each task checked again by the server."""
