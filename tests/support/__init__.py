"""What the tests share: servers, task data, an independent reader, a pilot for the screens."""
